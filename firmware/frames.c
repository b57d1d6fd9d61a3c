/* Frames of both versions: see plexgrad.lab.frames.

   1: COBS(sequence u16, session u16, code u8, payload, CRC-16), zero.
   2: S = COBS(sequence u16, code u8, size of the payload, payload), T, zero; T has the
      size of S and CRC-32C of S, seven bits a byte, each with 0x80. */
#include "frames.h"
#include "uart.h"

enum { HEAD_MAX = 8, HEAD_1 = 5, CRC_1 = 2, HEAD_2 = 3, CRC_2 = 5, TAIL_MAX = 10, TOP = 0x80 };

static u8 frame[FRAME_MAX] EXTERNAL;
static u8 reply[REPLY_MAX + HEAD_MAX + CRC_1] EXTERNAL;
static u8 stuffed[REPLY_MAX + REPLY_MAX / 254 + 64] EXTERNAL;
u8 *const reply_payload = reply + HEAD_MAX;

static u16 table_1[256];
static u32 table_2[256];
static u32 size;
static int overrun;
static u8 above_first; /* what is spoken, above version 1 */

void frames_open(void)
{
    for (u32 byte = 0; byte < 256; byte++) {
        u32 first = byte << 8, second = byte;
        for (int bit = 0; bit < 8; bit++) {
            first = first & 0x8000 ? first << 1 ^ 0x1021 : first << 1;
            second = second & 1 ? second >> 1 ^ 0x82F63B78 : second >> 1;
        }
        table_1[byte] = (u16)first;
        table_2[byte] = second;
    }
}

void frames_speak(u8 version)
{
    above_first = version - 1;
}

u8 frames_spoken(void)
{
    return above_first + 1;
}

static u16 crc16(const u8 *data, u32 count)
{
    u32 crc = 0xFFFF;
    for (const u8 *stop = data + count; data < stop; data++)
        crc = (crc << 8 ^ table_1[(crc >> 8 ^ *data) & 0xFF]) & 0xFFFF;
    return (u16)crc;
}

u32 crc32c(u32 crc, const u8 *data, u32 count)
{
    for (const u8 *stop = data + count; data < stop; data++)
        crc = crc >> 8 ^ table_2[(crc ^ *data) & 0xFF];
    return crc;
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

/* Writes T of an S of so many bytes; gives its size. */
static u32 put_tail(u8 *to, u32 count, u32 crc)
{
    u32 bytes = 0;
    for (; count; count >>= 7)
        to[bytes++] = (u8)(TOP | (count & 0x7F));
    for (u32 place = 0; place < 4; place++)
        to[bytes + place] = (u8)(TOP | (crc >> 7 * place & 0x7F));
    to[bytes + 4] = (u8)(TOP | bytes << 4 | crc >> 28);
    return bytes + CRC_2;
}

/* Takes COBS off in place; gives what is left, or -1 if it cannot be COBS. */
static i32 unstuff(u8 *data, u32 count)
{
    u8 *to = data;
    const u8 *from = data, *stop = data + count;
    while (from < stop) {
        u32 code = *from++;
        if ((u32)(stop - from) < code - 1)
            return -1;
        for (const u8 *end = from + code - 1; from < end;)
            *to++ = *from++;
        if (code != 255 && from < stop)
            *to++ = 0;
    }
    return (i32)(to - data);
}

/* Whether the bytes that came are S and T; gives the size of S. */
static int checked(u32 count, u32 *body)
{
    u8 tail[TAIL_MAX];
    u32 last = count ? frame[count - 1] : 0, bytes = CRC_2 + ((last & 0x7F) >> 4);
    if (count <= bytes)
        return 0;
    *body = count - bytes;
    u32 made = put_tail(tail, *body, ~crc32c(CRC_START, frame, *body));
    return made == bytes && !memcmp(tail, frame + *body, bytes);
}

static int second(u32 count, struct frame *found)
{
    u32 told = 0, at = HEAD_2, place = 0;
    i32 whole = unstuff(frame, count);
    do {
        if ((i32)at >= whole || place > 28)
            return 0;
        told |= (frame[at] & 0x7Fu) << place;
        place += 7;
    } while (frame[at++] & TOP);
    if (told != (u32)whole - at)
        return 0;
    *found = (struct frame){(u16)half(frame), 0, frame[2], 2, frame + at, told};
    return 1;
}

static int first(u32 count, struct frame *found)
{
    i32 whole = unstuff(frame, count);
    if (whole < HEAD_1 + CRC_1 || crc16(frame, (u32)whole - CRC_1) != half(frame + whole - CRC_1))
        return 0;
    *found = (struct frame){(u16)half(frame), (u16)half(frame + 2), frame[4], 1,
                            frame + HEAD_1, (u32)whole - HEAD_1 - CRC_1};
    return 1;
}

/* A zero came: what stands before it is a frame, damage, or nothing. */
static void ended(void)
{
    u32 count = size, body;
    int lost = overrun;
    struct frame found;
    size = 0;
    overrun = 0;
    if (!count)
        return;
    if (!lost && (checked(count, &body) ? second(body, &found) : first(count, &found)))
        frame_came(&found);
    else
        frame_damaged();
}

void frames_feed(const u8 *data, u32 count)
{
    for (const u8 *stop = data + count; data < stop; data++) {
        if (!*data)
            ended();
        else if (size < FRAME_MAX)
            frame[size++] = *data;
        else
            overrun = 1;
    }
}

/* COBS; gives the end of what it wrote. */
static u8 *stuff(u8 *mark, const u8 *from, const u8 *stop)
{
    u8 *to = mark + 1;
    for (; from < stop; from++) {
        if (*from)
            *to++ = *from;
        if (!*from || (to - mark == 255 && from + 1 < stop)) {
            *mark = (u8)(to - mark);
            mark = to++;
        }
    }
    *mark = (u8)(to - mark);
    return to;
}

static u8 *second_of(const struct frame *to, u8 code, u32 count)
{
    u8 sizes[HEAD_MAX - HEAD_2], *head;
    u32 bytes = 0, left = count;
    for (; left > 0x7F; left >>= 7)
        sizes[bytes++] = (u8)(TOP | (left & 0x7F));
    sizes[bytes++] = (u8)left;
    head = reply_payload - HEAD_2 - bytes;
    put_half(head, to->sequence);
    head[2] = code;
    memcpy(head + HEAD_2, sizes, bytes);
    u8 *end = stuff(stuffed, head, reply_payload + count);
    u32 body = (u32)(end - stuffed);
    return end + put_tail(end, body, ~crc32c(CRC_START, stuffed, body));
}

static u8 *first_of(const struct frame *to, u8 code, u32 count)
{
    u8 *head = reply_payload - HEAD_1;
    put_half(head, to->sequence);
    put_half(head + 2, to->session);
    head[4] = code;
    put_half(reply_payload + count, crc16(head, HEAD_1 + count));
    return stuff(stuffed, head, reply_payload + count + CRC_1);
}

void frame_answer(const struct frame *to, u8 code, u32 count)
{
    u8 *end = to->version == 2 ? second_of(to, code, count) : first_of(to, code, count);
    *end++ = 0;
    uart_send(stuffed, (u32)(end - stuffed));
}

void frame_damaged(void)
{
    struct frame nobody = {.version = frames_spoken()};
    frame_answer(&nobody, DAMAGED, 0);
}
