/* Measurements: a cost for every row of perturbations.

   An error is in units of 1/4096; squares are summed in 64 bits, and the mean over
   samples and outputs is the only number that is rounded, in float64, then float32. */
#include "measure.h"
#include "frames.h"
#include "network.h"
#include "numbers.h"
#include "uart.h"

enum { COSTS = 0, OUTPUTS = 1, CODES = 0, ARRAYS = 1, FOLLOWING = 2, CLOCK_MEASURED = 2 };

static const double seconds_per_tick = 40e-9;

static void put(u8 *at, u32 bits)
{
    memcpy(at, &bits, 4);
}

struct measurement read_measure(struct reader *reader, const struct codes *before)
{
    struct measurement found = {0};
    u32 want = read_byte(reader);
    read_half(reader); /* repeats: every one would be the same */
    u32 kind = read_byte(reader);
    if (kind == CODES) {
        found.codes = read_codes(reader);
    } else if (kind == FOLLOWING && before) {
        found.codes = *before;
        found.codes.start += before->count;
    } else if (kind == ARRAYS) {
        found.offsets = read_array(reader);
    } else {
        refuse(reader, "perturbations must be codes or an array");
    }
    found.coded = kind != ARRAYS;
    found.wants_outputs = want == OUTPUTS;
    found.shown = read_shown(reader);
    if (reader->error)
        return found;
    u32 groups = found.shown.groups;
    u32 dealt = found.coded ? found.codes.count : found.offsets.shape[0];
    found.rows = found.coded ? count_rows(&found.codes, groups) : dealt;
    if (!found.coded && (found.offsets.type != FLOAT || found.offsets.axes != 2 ||
                         found.offsets.shape[1] != parameters))
        refuse(reader, "offsets must be rows of one float32 for every parameter");
    if (!found.rows || found.rows > ROWS_MAX || dealt % groups)
        refuse(reader, "rows must be 1 to 4096 and be dealt evenly to the groups");
    u64 size = 4ull * found.rows * found.shown.batch * outputs;
    if (want > OUTPUTS || (found.wants_outputs && size > REPLY_MAX / 2))
        refuse(reader, "outputs must fit into an answer");
    return found;
}

/* The weights of a row that is the `place`th of a group. */
static void perturb(const struct measurement *what, u32 group, u32 place)
{
    const struct codes *codes = &what->codes;
    u32 groups = what->shown.groups;
    if (!what->coded) {
        u32 row = group * (what->rows / groups) + place;
        network_offsets(what->offsets.data + 4 * row * parameters);
        return;
    }
    u32 first = group * (codes->count / groups);
    if (codes->reference == ANTITHETIC)
        network_signs(codes->key, pattern(codes, first + place / 2),
                      place & 1 ? -codes->steps : codes->steps);
    else if (codes->reference == DIRECT)
        network_signs(codes->key, pattern(codes, first + place), codes->steps);
    else if (place)
        network_signs(codes->key, pattern(codes, first + place - 1), codes->steps);
    else
        network_offsets(NULL);
}

static u32 best_of(const i32 *values)
{
    u32 best = 0;
    for (u32 unit = 1; unit < outputs; unit++)
        if (values[unit] > values[best])
            best = unit;
    return best;
}

/* The squared error of a sample, and whether it is right. */
static u64 judged(const i32 *told, const i16 *wanted, u32 *hits)
{
    u32 best = 0;
    i64 total = 0;
    for (u32 unit = 0; unit < outputs; unit++) {
        i32 error = wanted[unit] - told[unit];
        total += (i64)error * error;
        if (wanted[unit] > wanted[best])
            best = unit;
    }
    if (outputs == 1)
        *hits += (told[0] > 2048) == (wanted[0] > 2048);
    else
        *hits += best_of(told) == best;
    return (u64)total;
}

static void row_cost(const struct shown *shown, u32 group, u8 *cost, u8 *right)
{
    u64 total = 0;
    u32 hits = 0;
    for (u32 place = 0; place < shown->batch; place++) {
        u32 number = sample(shown, group, place);
        const i32 *told = network_forward(shown->x + number * inputs);
        total += judged(told, shown->y + number * outputs, &hits);
    }
    double mean = (double)total / ((double)(shown->batch * outputs) * 16777216.0);
    put(cost, bits_of((float)mean));
    put(right, as_float((i32)hits, 0));
}

void measure_costs(const struct measurement *what, u8 *costs, u8 *hits)
{
    u32 each = what->rows / what->shown.groups;
    for (u32 group = 0; group < what->shown.groups; group++)
        for (u32 place = 0; place < each; place++, costs += 4, hits += 4) {
            perturb(what, group, place);
            row_cost(&what->shown, group, costs, hits);
        }
}

static void put_outputs(const struct measurement *what)
{
    const struct shown *shown = &what->shown;
    u32 each = what->rows / shown->groups;
    put_array(FLOAT, 3, what->rows, shown->batch, outputs);
    for (u32 group = 0; group < shown->groups; group++)
        for (u32 place = 0; place < each; place++) {
            perturb(what, group, place);
            for (u32 at = 0; at < shown->batch; at++) {
                const i32 *told = network_forward(shown->x + sample(shown, group, at) * inputs);
                for (u32 unit = 0; unit < outputs; unit++)
                    put_word(as_float(told[unit], -12));
            }
        }
}

static void put_marks(void)
{
    u32 count = marks_count();
    put_word(count ? parameters : 0);
    if (!count) {
        put_array(NOTHING, 0, 0, 0, 0);
        return;
    }
    put_array(WORD, 1, count, 0, 0);
    for (u32 parameter = 0; parameter < parameters; parameter++)
        if (marked(parameter))
            put_word(parameter);
}

double seconds_since(u32 before)
{
    return (ticks() - before) * seconds_per_tick;
}

void measure_answer(const struct measurement *what)
{
    static u8 costs[4 * ROWS_MAX] __attribute__((aligned(4))), hits[4 * ROWS_MAX] __attribute__((aligned(4)));
    u32 before = ticks();
    u8 *head = reply_payload + put_size();
    marks_clear();
    for (u32 byte = 0; byte < 18; byte++)
        put_byte(0);
    if (what->wants_outputs) {
        put_array(NOTHING, 0, 0, 0, 0);
        put_outputs(what);
        put_array(NOTHING, 0, 0, 0, 0);
    } else {
        measure_costs(what, costs, hits);
        put_array(FLOAT, 1, what->rows, 0, 0);
        for (u32 row = 0; row < what->rows; row++)
            put_word(*(u32 *)(costs + 4 * row));
        put_array(NOTHING, 0, 0, 0, 0);
        put_array(FLOAT, 1, what->rows, 0, 0);
        for (u32 row = 0; row < what->rows; row++)
            put_word(*(u32 *)(hits + 4 * row));
    }
    put_marks();
    double seconds = seconds_since(before);
    memcpy(head + 8, &seconds, 8);
    head[16] = seconds > 0 ? CLOCK_MEASURED : 0;
    head[17] = 1;
}
