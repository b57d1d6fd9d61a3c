/* Learning: updates by sums of codes, and runs of the device alone. */
#ifndef LEARN_H
#define LEARN_H

#include "measure.h"

struct update {
    struct codes codes;
    struct array coefficients;
};

struct update read_update(struct reader *reader);
void update_make(const struct update *update);

/* Trains alone, and keeps the trace; refuses what cannot be. */
void run_make(struct reader *reader);

/* Writes the trace of the last run as the answer. */
void run_answer(void);

#endif
