/* Between float32 on the wire and integers inside, rounded exactly, ties to even. */
#include "numbers.h"

enum { NO_NUMBER = 255, BIAS = 150 };

static int exponent(u32 bits)
{
    return (int)(bits >> 23 & 255);
}

static u64 mantissa(u32 bits)
{
    return exponent(bits) ? (bits & 0x7FFFFF) | 0x800000 : 0;
}

/* value * 2^shift with a sign, rounded. */
static i32 shifted(u64 value, int shift, int negative, i32 limit)
{
    if (shift >= 0) {
        value = value && (shift > 62 || value >> (63 - shift)) ? ~0ull : value << shift;
    } else {
        int by = shift < -63 ? 63 : -shift;
        u64 whole = value >> by, rest = value & ((1ull << by) - 1), tie = 1ull << (by - 1);
        value = whole + (rest > tie || (rest == tie && (whole & 1)));
    }
    i32 size = value > (u64)limit ? limit + 1 : (i32)value;
    return negative ? -size : size;
}

i32 rounded(u32 bits, u32 factor, int shift, i32 limit)
{
    int negative = bits >> 31;
    if (exponent(bits) == NO_NUMBER)
        return negative ? -limit - 1 : limit + 1;
    int by = exponent(bits) - BIAS + shift;
    return shifted(mantissa(bits) * factor, by, negative, limit);
}

i32 rounded_product(u32 one, u32 other, int shift, i32 limit)
{
    int negative = (one ^ other) >> 31;
    if (exponent(one) == NO_NUMBER || exponent(other) == NO_NUMBER)
        return negative ? -limit - 1 : limit + 1;
    int by = exponent(one) + exponent(other) - 2 * BIAS + shift;
    return shifted(mantissa(one) * mantissa(other), by, negative, limit);
}

u32 as_float(i32 value, int shift)
{
    if (!value)
        return 0;
    u32 size = value < 0 ? 0u - (u32)value : (u32)value;
    int places = 8 - __builtin_clz(size);
    u32 fraction = places > 0 ? size >> places : size << -places;
    return (value < 0 ? 1u << 31 : 0) | (u32)(BIAS + places + shift) << 23 |
           (fraction & 0x7FFFFF);
}
