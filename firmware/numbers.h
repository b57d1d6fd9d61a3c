/* Between float32 on the wire and integers inside, rounded exactly, ties to even. */
#ifndef NUMBERS_H
#define NUMBERS_H

#include "base.h"

/* One unit of a parameter's master value is 2^-21; an int8 weight of 32 is 1. */
enum { STEP_BITS = 21, WEIGHT_BITS = 16, MASTER_MAX = 127 << WEIGHT_BITS };

/* x * factor * 2^shift, rounded; beyond +-limit (or no number) it is limit + 1 with the
   sign of x. `bits` are those of the float32 x. */
i32 rounded(u32 bits, u32 factor, int shift, i32 limit);

/* The same for the product of two float32. */
i32 rounded_product(u32 one, u32 other, int shift, i32 limit);

/* The bits of value * 2^shift; exact up to 24 bits. */
u32 as_float(i32 value, int shift);

static inline u32 bits_of(float value)
{
    union {
        float value;
        u32 bits;
    } both = {value};
    return both.bits;
}

static inline float float_of(u32 bits)
{
    union {
        u32 bits;
        float value;
    } both = {bits};
    return both.value;
}

#endif
