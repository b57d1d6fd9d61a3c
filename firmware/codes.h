/* Rademacher codes: sign p of a pattern is bit p % 32 of threefry word p / 32. */
#ifndef CODES_H
#define CODES_H

#include "wire.h"

enum reference { DIRECT, BASELINE, ANTITHETIC };

struct codes {
    u32 key[2], start, count, hold, amplitude;
    enum reference reference;
    i32 steps; /* the amplitude in steps of an int8 weight */
};

struct codes read_codes(struct reader *reader);

/* The pattern's number in the slot that lies so many behind the start. */
u32 pattern(const struct codes *codes, u32 slot);

/* 64 signs of a pattern, from sign 64 * block on; a bit of 1 is minus. */
void signs(const u32 *key, u32 pattern, u32 block, u32 *pair);

u32 count_rows(const struct codes *codes, u32 groups);

#endif
