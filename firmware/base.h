/* Types, sizes and the map of memory that all parts of the firmware share. */
#ifndef BASE_H
#define BASE_H

#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;

enum {
    LAYERS_MAX = 7,           /* of weights */
    WIDTH_MAX = 1024,         /* inputs, units of a layer, outputs */
    PARAMETERS_MAX = 1 << 17, /* all layers, biases included */
    ROWS_MAX = 4096,          /* costs in one answer */
    FRAME_MAX = 6 << 20,      /* bytes of a request */
    DATA_MAX = 7 << 20,       /* bytes of held and of sent samples */
    REPLY_MAX = 1 << 20,      /* bytes of an answer */
    STEPS_MAX = 1 << 16,      /* steps of one autonomous run */
    KEYS_MAX = 4,             /* sets of samples that are held */
    KEY_MAX = 31,             /* letters of their names */
};

/* Large buffers lie in external memory, which nobody clears. */
#define EXTERNAL __attribute__((section(".external")))

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *one, const void *other, size_t size);

static inline i32 clipped(i32 value, i32 low, i32 high)
{
    return value < low ? low : value > high ? high : value;
}

#endif
