/* Samples that are held under a name, or came with a measurement. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include "wire.h"

/* The samples of a measurement; inputs are int8, targets in units of 1/4096. */
struct shown {
    u32 groups, batch;
    const i8 *x;
    const i16 *y;
    struct array index; /* of type NOTHING: one sample after the other from `start` */
    u32 start;
    int runs;
};

struct shown read_shown(struct reader *reader);
u32 sample(const struct shown *shown, u32 group, u32 place);

/* Puts samples under a name; refuses what does not fit. Changes nothing if it does. */
void samples_load(struct reader *reader);

/* Takes in a part of a set of samples, and answers how many of it are here. The last
   one puts the set under its name; until then nothing is. */
void samples_part(struct reader *reader);

/* Forgets the set that is not whole. */
void samples_part_drop(void);

/* A batch of held samples from `start`. */
struct shown samples_run(const char *key, u32 batch, u32 start, u32 *held);

u32 samples_room(void);

#endif
