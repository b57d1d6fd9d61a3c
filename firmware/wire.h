/* What is inside a frame, field by field: the twin of plexgrad.lab.messages. */
#ifndef WIRE_H
#define WIRE_H

#include "base.h"

enum status { OK, REFUSED, SESSION, BUSY, FAILED };
enum type { NOTHING, FLOAT, WORD, HALF, BYTE, SIGNED };

/* `error` is the first thing that was wrong; from then on all reads give zero. */
struct reader {
    const u8 *at, *stop;
    const char *error;
};

struct array {
    enum type type;
    u32 axes, shape[4], count;
    const u8 *data;
};

void refuse(struct reader *reader, const char *rule);
u32 read_byte(struct reader *reader);
u32 read_half(struct reader *reader);
u32 read_word(struct reader *reader);
u64 read_long(struct reader *reader);

/* A short text of KEY_MAX letters at most; `to` holds KEY_MAX + 1 and is ended by 0. */
void read_text(struct reader *reader, char *to);
struct array read_array(struct reader *reader);

/* An integer of an array of words, halves or bytes; the bits of one of floats. */
u32 element(const struct array *array, u32 place);

/* The answer is written behind one another from the start of the payload. */
void put_start(void);
u32 put_size(void);
u32 put_room(void);
void put_byte(u32 value);
void put_word(u32 value);
void put_double(double value);
void put_words(const char *words);
void put_decimal(u32 value);
void put_array(enum type type, u32 axes, u32 first, u32 second, u32 third);

#endif
