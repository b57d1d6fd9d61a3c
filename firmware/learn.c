/* Learning: updates by sums of codes, and runs of the device alone.

   A term of an update, coefficient times amplitude, is rounded to a step of the master
   weights before anything is summed: so host and device agree to the last bit. */
#include "learn.h"
#include "network.h"
#include "numbers.h"
#include "uart.h"

enum { TERM_MAX = 0x7FFFFFFE, SIGNS = 64 };

static i32 term(const struct update *update, u32 slot)
{
    u32 coefficient = element(&update->coefficients, slot);
    return rounded_product(coefficient, update->codes.amplitude, STEP_BITS, TERM_MAX);
}

struct update read_update(struct reader *reader)
{
    struct update found = {.codes = read_codes(reader)};
    found.coefficients = read_array(reader);
    if (reader->error)
        return found;
    if (found.coefficients.type != FLOAT || found.coefficients.axes != 1 ||
        found.coefficients.count != found.codes.count) {
        refuse(reader, "coefficients must be one float32 for every slot");
        return found;
    }
    for (u32 slot = 0; slot < found.codes.count; slot++) {
        i32 size = term(&found, slot);
        if (size > TERM_MAX || size < -TERM_MAX)
            refuse(reader, "coefficient times amplitude must be below 1024");
    }
    return found;
}

static inline i32 held(i64 wanted)
{
    return wanted > MASTER_MAX ? MASTER_MAX : wanted < -MASTER_MAX ? -MASTER_MAX : (i32)wanted;
}

/* Up to 64 parameters from `first`, by all slots. */
static void add_slots(const struct update *update, u32 first, u32 count)
{
    const struct codes *codes = &update->codes;
    i64 change[SIGNS] = {0};
    for (u32 slot = 0; slot < codes->count; slot++) {
        u32 pair[2];
        i32 size = term(update, slot);
        signs(codes->key, pattern(codes, slot), first / SIGNS, pair);
        for (u32 p = 0; p < SIGNS; p++)
            change[p] += pair[p / 32] >> p % 32 & 1 ? -size : size;
    }
    for (u32 p = 0; p < count; p++)
        master[first + p] = held(master[first + p] + change[p]);
}

/* The same by one slot, without sums. */
static void add_one(const struct update *update, i32 size, u32 first, u32 count)
{
    const struct codes *codes = &update->codes;
    u32 pair[2];
    signs(codes->key, pattern(codes, 0), first / SIGNS, pair);
    for (u32 p = 0; p < count; p++) {
        u32 minus = pair[p / 32] >> p % 32 & 1;
        i32 wanted = master[first + p] + (minus ? -size : size);
        master[first + p] = clipped(wanted, -MASTER_MAX, MASTER_MAX);
    }
}

void update_make(const struct update *update)
{
    /* Twice the range and more all come to the same: an end of the range. */
    i32 size = clipped(term(update, 0), -4 * MASTER_MAX, 4 * MASTER_MAX);
    for (u32 first = 0; first < parameters; first += SIGNS) {
        u32 count = first + SIGNS < parameters ? SIGNS : parameters - first;
        if (update->codes.count == 1)
            add_one(update, size, first, count);
        else
            add_slots(update, first, count);
    }
    network_changed(0, parameters);
}

static u8 trace[4 * STEPS_MAX] EXTERNAL;
static u8 coefficients[4 * ROWS_MAX], costs[4 * ROWS_MAX], hits[4 * ROWS_MAX];
static u32 trace_steps, trace_slot, trace_position;
static double trace_seconds;

static float cost_at(u32 row)
{
    u32 bits;
    memcpy(&bits, costs + 4 * row, 4);
    return float_of(bits);
}

/* What a slot says of the cost, by the reference of its codes. */
static float signal_of(const struct codes *codes, u32 slot)
{
    if (codes->reference == ANTITHETIC)
        return (cost_at(2 * slot) - cost_at(2 * slot + 1)) / 2;
    if (codes->reference == BASELINE)
        return cost_at(1 + slot) - cost_at(0);
    return cost_at(slot);
}

/* The cost of a step: at rest if that was measured, else the mean of its rows. */
static float mean_cost(const struct measurement *what)
{
    if (what->codes.reference == BASELINE)
        return cost_at(0);
    double total = 0;
    for (u32 row = 0; row < what->rows; row++)
        total += cost_at(row);
    return (float)(total / what->rows);
}

static void put_float(u8 *at, float value)
{
    u32 bits = bits_of(value);
    memcpy(at, &bits, 4);
}

static void learn(const struct measurement *what, float rate)
{
    struct update update = {.codes = what->codes};
    update.coefficients = (struct array){FLOAT, 1, {what->codes.count}, what->codes.count,
                                         coefficients};
    for (u32 slot = 0; slot < what->codes.count; slot++)
        put_float(coefficients + 4 * slot, rate * signal_of(&what->codes, slot));
    update_make(&update);
}

void run_make(struct reader *reader)
{
    char key[KEY_MAX + 1] = {0};
    u32 steps = read_word(reader), batch = read_word(reader), held;
    u32 position = read_word(reader), before = ticks();
    union {
        u64 bits;
        double value;
    } eta = {read_long(reader)};
    struct measurement what = {.coded = 1};
    what.codes = read_codes(reader);
    read_text(reader, key);
    if (reader->error)
        return;
    what.shown = samples_run(key, batch, position, &held);
    what.rows = count_rows(&what.codes, 1);
    if (!held || !batch || batch > held)
        refuse(reader, "samples must be held under this name, a batch at least");
    else if (!steps || steps > STEPS_MAX || what.rows > ROWS_MAX)
        refuse(reader, "steps must be 1 to 65536, of 4096 rows at most");
    else if ((u64)what.codes.start + (u64)steps * what.codes.count > ~0u)
        refuse(reader, "slots must stay below 2^32 - 1");
    if (reader->error)
        return;
    double amplitude = float_of(what.codes.amplitude);
    float rate = (float)(-eta.value / (what.codes.count * amplitude * amplitude));
    marks_clear();
    for (u32 step = 0; step < steps; step++) {
        if (what.shown.start + batch > held)
            what.shown.start = 0;
        measure_costs(&what, costs, hits);
        put_float(trace + 4 * step, mean_cost(&what));
        learn(&what, rate);
        what.codes.start += what.codes.count;
        what.shown.start += batch;
    }
    trace_steps = steps;
    trace_slot = what.codes.start;
    trace_position = what.shown.start;
    trace_seconds = seconds_since(before);
}

void run_answer(void)
{
    put_word(trace_slot);
    put_word(trace_position);
    put_double(trace_seconds);
    put_array(FLOAT, 1, trace_steps, 0, 0);
    for (u32 step = 0; step < trace_steps; step++)
        put_word(*(u32 *)(trace + 4 * step));
}
