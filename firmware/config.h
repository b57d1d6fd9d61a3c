/* What a board is told before it starts: a page of the code memory, as of flash. */
#ifndef CONFIG_H
#define CONFIG_H

#include "base.h"

enum { CONFIG_MAGIC = 0x31434750, TANH = 0, SIGMOID = 1 };

/* `boot` is another number at every start, as from a random number generator: by it a
   host knows that the board was without power. The last two are told to the host; 0 is
   not known. */
struct config {
    u32 magic, boot, simulated, bytes_per_s, samples_per_s;
    u32 output;
    u32 count, sizes[LAYERS_MAX + 1];
    char serial[32];
};

const struct config *config(void);

#endif
