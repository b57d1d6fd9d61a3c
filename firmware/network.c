/* The network: master weights, their int8 copies, the forward pass and its cost.

   A weight is an int32 with 16 bits behind an int8 copy, of which 32 is 1. Inputs and
   hidden activations are int8, of which 127 is 1; so is the input of a bias. */
#include "network.h"
#include "config.h"
#include "numbers.h"
#include "tanh.h"

enum { LANES = 4, BIAS = 127, HALF_TABLE = 512 };

struct layer {
    u32 inputs, outputs, packed;
};

u32 parameters, inputs, outputs;
i32 master[PARAMETERS_MAX];

static struct layer layers[LAYERS_MAX];
static u32 layer_count;
static i8 base[PARAMETERS_MAX];
/* Of each block of four units: their weights side by side, input by input. */
static i32 packed[PARAMETERS_MAX + LANES * LAYERS_MAX * (WIDTH_MAX + 1)];
static u32 marks[PARAMETERS_MAX / 32];
static u32 any_marks;

static i8 hidden[2 * HALF_TABLE];
static i16 output[2 * HALF_TABLE];
static u32 hidden_shift, output_shift;
static i8 activations[2][WIDTH_MAX];
static i32 sums[WIDTH_MAX + LANES];

static void activations_open(void)
{
    u32 soft = config()->activation == SIGMOID, last = config()->output == SIGMOID;
    hidden_shift = 5 + soft;
    output_shift = 5 + last;
    for (u32 at = 0; at < 2 * HALF_TABLE; at++) {
        i32 value = tanh_table[at];
        hidden[at] = (i8)(soft ? ((1024 + value) * 127 + 1024) >> 11
                               : (value * 127 + 512) >> 10);
        output[at] = (i16)(last ? (1024 + value) >> 1 : value);
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
        place += (layer->inputs + 1) * ((layer->outputs + LANES - 1) & ~(LANES - 1u));
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

static inline i32 within(i32 value, u32 parameter)
{
    if (value + 127u <= 254u)
        return value;
    marks[parameter / 32] |= 1u << parameter % 32;
    any_marks = 1;
    return value < 0 ? -127 : 127;
}

/* Where the weights of a layer's input begin; those of the next four units lie
   `stride` further. The bias is the last input. */
static i32 *lane(const struct layer *layer, u32 input)
{
    return packed + layer->packed + LANES * input;
}

static u32 stride(const struct layer *layer)
{
    return LANES * (layer->inputs + 1);
}

void network_signs(const u32 *key, u32 pattern, i32 steps)
{
    u32 pair[2], word = 0, p = 0;
    for (u32 number = 0; number < layer_count; number++) {
        const struct layer *layer = &layers[number];
        u32 apart = stride(layer);
        for (u32 input = 0; input <= layer->inputs; input++) {
            i32 *to = lane(layer, input);
            for (u32 unit = 0; unit < layer->outputs; unit++, p++, word >>= 1) {
                if (p % 64 == 0)
                    signs(key, pattern, p / 64, pair);
                if (p % 32 == 0)
                    word = pair[p / 32 % 2];
                if (unit && unit % LANES == 0)
                    to += apart;
                to[unit % LANES] = within(base[p] + (word & 1 ? -steps : steps), p);
            }
        }
    }
}

void network_offsets(const u8 *offsets)
{
    u32 p = 0;
    for (u32 number = 0; number < layer_count; number++) {
        const struct layer *layer = &layers[number];
        for (u32 input = 0; input <= layer->inputs; input++)
            for (u32 unit = 0; unit < layer->outputs; unit++, p++) {
                u32 bits;
                i32 offset = 0;
                if (offsets) {
                    memcpy(&bits, offsets + 4 * p, 4);
                    offset = rounded(bits, 32, 0, 254);
                }
                lane(layer, input)[unit / LANES * stride(layer) + unit % LANES] =
                    within(base[p] + offset, p);
            }
    }
}

/* Sums of four units: the innermost loop of everything. */
__attribute__((optimize("unroll-loops"))) static void four_units(const i8 *x, u32 count, const i32 *weight, i32 *sum)
{
    i32 a = 0, b = 0, c = 0, d = 0;
    const i8 *stop = x + count;
    while (x < stop) {
        i32 value = *x++;
        a += value * weight[0];
        b += value * weight[1];
        c += value * weight[2];
        d += value * weight[3];
        weight += LANES;
    }
    sum[0] = a + BIAS * weight[0];
    sum[1] = b + BIAS * weight[1];
    sum[2] = c + BIAS * weight[2];
    sum[3] = d + BIAS * weight[3];
}

static void layer_sums(const struct layer *layer, const i8 *x)
{
    const i32 *weight = packed + layer->packed;
    for (u32 unit = 0; unit < layer->outputs; unit += LANES) {
        four_units(x, layer->inputs, weight, sums + unit);
        weight += stride(layer);
    }
}

static u32 place(i32 sum, u32 shift)
{
    return (u32)(clipped(sum >> shift, -HALF_TABLE, HALF_TABLE - 1) + HALF_TABLE);
}

const i32 *network_forward(const i8 *x)
{
    const struct layer *layer = layers;
    for (u32 left = layer_count - 1; left; left--, layer++) {
        i8 *next = activations[left & 1];
        layer_sums(layer, x);
        for (u32 unit = 0; unit < layer->outputs; unit++)
            next[unit] = hidden[place(sums[unit], hidden_shift)];
        x = next;
    }
    layer_sums(layer, x);
    for (u32 unit = 0; unit < outputs; unit++)
        sums[unit] = output[place(sums[unit], output_shift)];
    return sums;
}
