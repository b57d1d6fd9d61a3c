/* Frames of both versions: see plexgrad.lab.frames. */
#ifndef FRAMES_H
#define FRAMES_H

#include "base.h"

enum { DAMAGED = 0xEE };

/* In version 2 a request has its session in front of the payload, not here. */
struct frame {
    u16 sequence, session;
    u8 code, version;
    const u8 *payload;
    u32 size;
};

void frames_open(void);

/* Takes bytes as they come; calls `frame_came` for every whole frame. */
void frames_feed(const u8 *data, u32 size);

/* What the session does with a frame. */
void frame_came(const struct frame *frame);

/* The version in which damage is told, and below which a frame is damage. */
void frames_speak(u8 version);
u8 frames_spoken(void);

/* Answers a frame with a code and the first `size` bytes behind `reply_payload`. */
void frame_answer(const struct frame *to, u8 code, u32 size);
void frame_damaged(void);

extern u8 *const reply_payload;

/* CRC-32C of more bytes: begin with CRC_START, and invert what comes out. */
enum { CRC_START = -1 };
u32 crc32c(u32 crc, const u8 *data, u32 size);

#endif
