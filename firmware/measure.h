/* Measurements: a cost for every row of perturbations. */
#ifndef MEASURE_H
#define MEASURE_H

#include "codes.h"
#include "samples.h"

struct measurement {
    int coded; /* rows from codes, else from `rows` */
    int wants_outputs;
    struct codes codes;
    struct array offsets;
    struct shown shown;
    u32 rows;
};

/* Reads and checks a measurement; `codes` are those of the update before it, if any. */
struct measurement read_measure(struct reader *reader, const struct codes *codes);

/* Costs (and hits) of the rows, each `rows` float32 at 4-byte distance. */
void measure_costs(const struct measurement *what, u8 *costs, u8 *hits);

/* Makes a measurement and writes the answer. */
void measure_answer(const struct measurement *what);

/* Seconds since `before`, by the timer. */
double seconds_since(u32 before);

#endif
