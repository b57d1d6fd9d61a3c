/* Frames: COBS(sequence u16, session u16, code u8, payload, CRC-16) and a zero. */
#include "frames.h"
#include "uart.h"

enum { HEAD = 5, CRC = 2, DAMAGED = 0xEE };

static u8 frame[FRAME_MAX] EXTERNAL;
static u8 reply[REPLY_MAX + HEAD + CRC] EXTERNAL;
static u8 stuffed[REPLY_MAX + REPLY_MAX / 254 + 64] EXTERNAL;
u8 *const reply_payload = reply + HEAD;

static u16 table[256];
static u32 size, left, block;
static int overrun;

void frames_open(void)
{
    block = 255;
    for (u32 byte = 0; byte < 256; byte++) {
        u32 crc = byte << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
        table[byte] = (u16)crc;
    }
}

static u16 crc16(const u8 *data, u32 count)
{
    u32 crc = 0xFFFF;
    for (const u8 *stop = data + count; data < stop; data++)
        crc = (crc << 8 ^ table[(crc >> 8 ^ *data) & 0xFF]) & 0xFFFF;
    return (u16)crc;
}

static u32 half(const u8 *at)
{
    return at[0] | at[1] << 8;
}

static void put_half(u8 *at, u32 value)
{
    at[0] = (u8)value;
    at[1] = (u8)(value >> 8);
}

/* A zero came: what stands before it is a frame, damage, or nothing. */
static void ended(void)
{
    u32 held = size, cut = left;
    int lost = overrun;
    size = left = 0;
    overrun = 0;
    if (block == 255 && !held && !cut)
        return;
    block = 255;
    if (lost || cut || held < HEAD + CRC || crc16(frame, held - CRC) != half(frame + held - CRC)) {
        frame_send(0, 0, DAMAGED, 0);
        return;
    }
    struct frame found = {(u16)half(frame), (u16)half(frame + 2), frame[4], frame + HEAD,
                          held - HEAD - CRC};
    frame_came(&found);
}

static void keep(u8 byte)
{
    if (size < FRAME_MAX)
        frame[size++] = byte;
    else
        overrun = 1;
}

void frames_feed(const u8 *data, u32 count)
{
    for (const u8 *stop = data + count; data < stop; data++) {
        if (!*data) {
            ended();
        } else if (left) {
            left--;
            keep(*data);
        } else {
            if (block != 255)
                keep(0);
            block = *data;
            left = block - 1u;
        }
    }
}

void frame_send(u16 sequence, u16 session, u8 code, u32 count)
{
    put_half(reply, sequence);
    put_half(reply + 2, session);
    reply[4] = code;
    put_half(reply + HEAD + count, crc16(reply, HEAD + count));
    const u8 *from = reply, *stop = reply + HEAD + count + CRC;
    u8 *mark = stuffed, *to = stuffed + 1;
    for (; from < stop; from++) {
        if (*from)
            *to++ = *from;
        if (!*from || (to - mark == 255 && from + 1 < stop)) {
            *mark = (u8)(to - mark);
            mark = to++;
        }
    }
    *mark = (u8)(to - mark);
    *to++ = 0;
    uart_send(stuffed, (u32)(to - stuffed));
}
