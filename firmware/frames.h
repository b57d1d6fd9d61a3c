/* Frames: COBS(sequence u16, session u16, code u8, payload, CRC-16) and a zero. */
#ifndef FRAMES_H
#define FRAMES_H

#include "base.h"

struct frame {
    u16 sequence, session;
    u8 code;
    const u8 *payload;
    u32 size;
};

void frames_open(void);

/* Takes bytes as they come; calls `frame_came` for every whole frame. */
void frames_feed(const u8 *data, u32 size);

/* What the session does with a frame. */
void frame_came(const struct frame *frame);

/* Sends a frame whose payload is the first `size` bytes behind `reply_payload`. */
void frame_send(u16 sequence, u16 session, u8 code, u32 size);

extern u8 *const reply_payload;

#endif
