/* What is inside a frame, field by field: the twin of plexgrad.lab.messages. */
#include "wire.h"
#include "frames.h"

static const u8 sizes[] = {0, 4, 4, 2, 1, 1};
static u8 *out;

void refuse(struct reader *reader, const char *rule)
{
    if (!reader->error)
        reader->error = rule;
    reader->at = reader->stop;
}

static const u8 *taken(struct reader *reader, u32 size)
{
    static const u8 zeros[8];
    if ((u32)(reader->stop - reader->at) < size) {
        refuse(reader, "a payload must hold all its fields");
        return zeros;
    }
    const u8 *at = reader->at;
    reader->at += size;
    return at;
}

u32 read_byte(struct reader *reader)
{
    return *taken(reader, 1);
}

static u32 half_at(const u8 *at)
{
    return at[0] | (u32)at[1] << 8;
}

static u32 word_at(const u8 *at)
{
    return half_at(at) | half_at(at + 2) << 16;
}

u32 read_half(struct reader *reader)
{
    return half_at(taken(reader, 2));
}

u32 read_word(struct reader *reader)
{
    return word_at(taken(reader, 4));
}

u64 read_long(struct reader *reader)
{
    const u8 *at = taken(reader, 8);
    return word_at(at) | (u64)word_at(at + 4) << 32;
}

void read_text(struct reader *reader, char *to)
{
    u32 size = read_byte(reader);
    to[0] = 0;
    if (size > KEY_MAX) {
        refuse(reader, "a name must have 31 letters at most");
        return;
    }
    if ((u32)(reader->stop - reader->at) < size)
        refuse(reader, "a payload must hold all its fields");
    else
        memcpy(to, taken(reader, size), size), to[size] = 0;
}

struct array read_array(struct reader *reader)
{
    struct array found = {0};
    u32 type = read_byte(reader), axes = read_byte(reader);
    if (!type)
        return found;
    if (type > SIGNED || axes > 4) {
        refuse(reader, "an array must be of float32, uint32, uint16, uint8 or int8");
        return found;
    }
    u64 count = 1;
    for (u32 axis = 0; axis < axes; axis++) {
        found.shape[axis] = read_word(reader);
        count *= found.shape[axis];
        if (count > FRAME_MAX)
            break;
    }
    if (count > FRAME_MAX || count * sizes[type] > (u64)(reader->stop - reader->at)) {
        refuse(reader, "a payload must hold all its fields");
        return found;
    }
    found.type = type;
    found.axes = axes;
    found.count = (u32)count;
    found.data = taken(reader, found.count * sizes[type]);
    return found;
}

u32 element(const struct array *array, u32 place)
{
    const u8 *at = array->data + place * sizes[array->type];
    switch (array->type) {
    case BYTE:
        return *at;
    case SIGNED:
        return (u32)(i32) * (const i8 *)at;
    case HALF:
        return half_at(at);
    default:
        return word_at(at);
    }
}

void put_start(void)
{
    out = reply_payload;
}

u32 put_size(void)
{
    return (u32)(out - reply_payload);
}

u32 put_room(void)
{
    return REPLY_MAX - put_size();
}

void put_byte(u32 value)
{
    *out++ = (u8)value;
}

void put_word(u32 value)
{
    for (int byte = 0; byte < 4; byte++, value >>= 8)
        put_byte(value);
}

void put_double(double value)
{
    union {
        double value;
        u64 bits;
    } both = {value};
    put_word((u32)both.bits);
    put_word((u32)(both.bits >> 32));
}

void put_words(const char *words)
{
    while (*words)
        put_byte((u8)*words++);
}

void put_decimal(u32 value)
{
    if (value >= 10)
        put_decimal(value / 10);
    put_byte('0' + value % 10);
}

void put_array(enum type type, u32 axes, u32 first, u32 second, u32 third)
{
    u32 shape[3] = {first, second, third};
    put_byte(type);
    put_byte(axes);
    for (u32 axis = 0; axis < axes; axis++)
        put_word(shape[axis]);
}
