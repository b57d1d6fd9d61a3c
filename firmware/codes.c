/* Rademacher codes: sign p of a pattern is bit p % 32 of threefry word p / 32.

   Threefry-2x32 with 20 rounds: Salmon et al. 2011, doi:10.1145/2063384.2063405. */
#include "codes.h"
#include "numbers.h"

struct codes read_codes(struct reader *reader)
{
    struct codes found;
    u32 kind = read_byte(reader);
    found.reference = read_byte(reader);
    found.key[0] = read_word(reader);
    found.key[1] = read_word(reader);
    found.start = read_word(reader);
    found.count = read_word(reader);
    found.hold = read_word(reader);
    found.amplitude = read_word(reader);
    found.steps = rounded(found.amplitude, 32, 0, 127);
    if (reader->error)
        return found;
    if (kind != 1 || found.reference > ANTITHETIC)
        refuse(reader, "codes must be of kind 1 with a known reference");
    else if (found.steps < 1 || found.steps > 127)
        refuse(reader, "amplitude must be 1 to 127 steps of 1/32");
    else if (!found.hold || !found.count || found.count - 1 > ~1u - found.start)
        refuse(reader, "codes must have slots below 2^32 - 1, held for 1 at least");
    return found;
}

u32 pattern(const struct codes *codes, u32 slot)
{
    return (codes->start + slot) / codes->hold;
}

u32 count_rows(const struct codes *codes, u32 groups)
{
    u64 rows = codes->count;
    if (codes->reference == ANTITHETIC)
        rows *= 2;
    else if (codes->reference == BASELINE)
        rows += groups;
    return rows > ROWS_MAX ? ROWS_MAX + 1 : (u32)rows;
}

#define ROUND(by) x0 += x1, x1 = x1 << by | x1 >> (32 - by), x1 ^= x0
#define FOUR(a, b, c, d) ROUND(a), ROUND(b), ROUND(c), ROUND(d)

void signs(const u32 *key, u32 high, u32 low, u32 *pair)
{
    u32 a = key[0], b = key[1], c = a ^ b ^ 0x1BD11BDA;
    u32 x0 = high + a, x1 = low + b;
    FOUR(13, 15, 26, 6), x0 += b, x1 += c + 1;
    FOUR(17, 29, 16, 24), x0 += c, x1 += a + 2;
    FOUR(13, 15, 26, 6), x0 += a, x1 += b + 3;
    FOUR(17, 29, 16, 24), x0 += b, x1 += c + 4;
    FOUR(13, 15, 26, 6), x0 += c, x1 += a + 5;
    pair[0] = x0;
    pair[1] = x1;
}
