/* The network: master weights, their int8 copies, the forward pass and its cost.

   A weight is an int32 with 16 bits behind an int8 copy, of which 32 is 1. Inputs and
   hidden activations are int8, of which 127 is 1; so is the input of a bias.

   Two weights share a word, w + 2^23 v, so that one multiplication with a 64-bit sum
   makes two: x w in the lower 23 bits, x v above. That is exact for RUN inputs. */
#include "network.h"
#include "config.h"
#include "numbers.h"
#include "tanh.h"
#include <arm_acle.h>

enum { LANES = 4, PAIRS = 2, APART = 23, RUN = 256, BIAS = 127 };
enum { TABLE_BITS = 12, TABLE = 1 << TABLE_BITS, ONE = 4096 };

struct layer {
    u32 inputs, outputs, packed;
};

u32 parameters, inputs, outputs;
i32 master[PARAMETERS_MAX];

static struct layer layers[LAYERS_MAX];
static u32 layer_count;
static i8 base[PARAMETERS_MAX];
/* The weights of the row that is measured, and packed: of each block of four units two
   words for every input. */
static i8 row[PARAMETERS_MAX];
static i32 packed[PARAMETERS_MAX / 2 + PAIRS * LAYERS_MAX * (WIDTH_MAX + 1)];
static u32 marks[PARAMETERS_MAX / 32];
static u32 any_marks;

static i8 hidden[TABLE];
static i16 output[TABLE];
static u32 output_shift;
static i8 activations[2][WIDTH_MAX];
static i32 sums[WIDTH_MAX + LANES];

static void activations_open(void)
{
    u32 soft = config()->output == SIGMOID;
    output_shift = 3 + soft;
    for (u32 at = 0; at < TABLE; at++) {
        i32 value = tanh_table[at];
        hidden[at] = (i8)((value * 127 + ONE / 2) >> 12);
        output[at] = (i16)(soft ? (ONE + value) >> 1 : value);
    }
}

void network_open(void)
{
    const struct config *told = config();
    u32 place = 0;
    layer_count = told->count - 1;
    for (u32 number = 0; number < layer_count; number++) {
        struct layer *layer = &layers[number];
        *layer = (struct layer){told->sizes[number], told->sizes[number + 1], place};
        parameters += (layer->inputs + 1) * layer->outputs;
        place += PAIRS * (layer->inputs + 1) * ((layer->outputs + LANES - 1) / LANES);
    }
    inputs = told->sizes[0];
    outputs = told->sizes[layer_count];
    activations_open();
}

u32 network_layers(void)
{
    return layer_count;
}

void network_shape(u32 layer, u32 *rows, u32 *columns)
{
    *rows = layers[layer].inputs;
    *columns = layers[layer].outputs;
}

void network_changed(u32 first, u32 stop)
{
    for (u32 p = first; p < stop; p++)
        base[p] = (i8)((master[p] + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS);
}

void marks_clear(void)
{
    if (any_marks)
        memset(marks, 0, sizeof marks);
    any_marks = 0;
}

int marked(u32 parameter)
{
    return marks[parameter / 32] >> parameter % 32 & 1;
}

u32 marks_count(void)
{
    u32 count = 0;
    if (any_marks)
        for (u32 p = 0; p < parameters; p++)
            count += (u32)marked(p);
    return count;
}

static inline i8 within(i32 value, u32 parameter)
{
    if (value + 127u <= 254u)
        return (i8)value;
    marks[parameter / 32] |= 1u << parameter % 32;
    any_marks = 1;
    return value < 0 ? -127 : 127;
}

/* Packs a row's weights. The bias is a layer's last input. */
static void pack(void)
{
    const i8 *from = row;
    for (u32 number = 0; number < layer_count; number++) {
        const struct layer *layer = &layers[number];
        u32 apart = PAIRS * (layer->inputs + 1);
        i32 *first = packed + layer->packed;
        for (u32 input = 0; input <= layer->inputs; input++, first += PAIRS) {
            i32 *to = first;
            u32 left = layer->outputs;
            for (; left >= LANES; left -= LANES, from += LANES, to += apart) {
                to[0] = from[0] + (from[1] << APART);
                to[1] = from[2] + (from[3] << APART);
            }
            for (u32 unit = 0; unit < left; unit++) {
                i32 weight = *from++;
                to[unit / 2] = unit % 2 ? to[unit / 2] + (weight << APART) : weight;
            }
        }
    }
}

void network_signs(const u32 *key, u32 pattern, i32 steps)
{
    u32 pair[2];
    for (u32 first = 0; first < parameters; first += 32) {
        if (first % 64 == 0)
            signs(key, pattern, first / 64, pair);
        u32 word = pair[first / 32 % 2];
        u32 stop = first + 32 < parameters ? first + 32 : parameters;
        for (u32 p = first; p < stop; p++, word >>= 1)
            row[p] = within(base[p] + steps - 2 * steps * (i32)(word & 1), p);
    }
    pack();
}

void network_offsets(const u8 *offsets)
{
    for (u32 p = 0; p < parameters; p++) {
        u32 bits = 0;
        if (offsets)
            memcpy(&bits, offsets + 4 * p, 4);
        row[p] = within(base[p] + rounded(bits, 32, 0, 254), p);
    }
    pack();
}

#define TURN(at)                                                                            \
    one += (i64)x[at] * weight[PAIRS * (at)], other += (i64)x[at] * weight[PAIRS * (at) + 1]

static inline i32 lower(i64 both)
{
    return (i32)((u32)both << (32 - APART)) >> (32 - APART);
}

/* Adds the products of a run of inputs, and of the bias if it is the last, to the sums
   of four units: the innermost loop of everything. */
static const i32 *add_run(const i8 *x, u32 count, const i32 *weight, i32 *sum, i32 bias)
{
    i64 one = 0, other = 0;
    const i8 *stop = x + (count & ~7u);
    for (; x < stop; x += 8, weight += 8 * PAIRS)
        TURN(0), TURN(1), TURN(2), TURN(3), TURN(4), TURN(5), TURN(6), TURN(7);
    for (stop += count & 7; x < stop; x++, weight += PAIRS)
        TURN(0);
    if (bias) {
        one += (i64)bias * weight[0];
        other += (i64)bias * weight[1];
        weight += PAIRS;
    }
    sum[0] += lower(one);
    sum[1] += (i32)((one - lower(one)) >> APART);
    sum[2] += lower(other);
    sum[3] += (i32)((other - lower(other)) >> APART);
    return weight;
}

static void layer_sums(const struct layer *layer, const i8 *x)
{
    const i32 *weight = packed + layer->packed;
    for (u32 unit = 0; unit < layer->outputs; unit += LANES) {
        i32 *sum = sums + unit;
        sum[0] = sum[1] = sum[2] = sum[3] = 0;
        const i8 *from = x;
        u32 left = layer->inputs;
        for (; left > RUN; left -= RUN, from += RUN)
            weight = add_run(from, RUN, weight, sum, 0);
        weight = add_run(from, left, weight, sum, BIAS);
    }
}

static inline u32 place(i32 sum, u32 shift)
{
    return (u32)(__ssat(sum >> shift, TABLE_BITS) + TABLE / 2);
}

const i32 *network_forward(const i8 *x)
{
    const struct layer *layer = layers;
    for (u32 left = layer_count - 1; left; left--, layer++) {
        i8 *next = activations[left & 1];
        layer_sums(layer, x);
        for (u32 unit = 0; unit < layer->outputs; unit++)
            next[unit] = hidden[place(sums[unit], 3)];
        x = next;
    }
    layer_sums(layer, x);
    for (u32 unit = 0; unit < outputs; unit++)
        sums[unit] = output[place(sums[unit], output_shift)];
    return sums;
}
