/* Vectors, reset, and what a compiler expects of a C library. */
#include "base.h"
#include "uart.h"

extern u32 stack_top, bss_start, bss_stop;
int main(void);

void reset(void)
{
    for (u32 *word = &bss_start; word < &bss_stop; word++)
        *word = 0;
    main();
}

static void halt(void)
{
    for (;;)
        ;
}

/* Words 8 and 9 are reserved by the processor. They tell an emulator without a UART
   where received bytes are kept and which function sends: it plays both parts. */
__attribute__((section(".vectors"), used)) static const void *const vectors[32] = {
    [0] = &stack_top,   [1] = reset,     [2] = halt, [3] = halt, [4] = halt, [5] = halt,
    [6] = halt,         [8] = &received, [9] = uart_send,        [16] = uart_interrupt,
};

void *memcpy(void *to, const void *from, size_t size)
{
    u8 *out = to;
    const u8 *in = from;
    if ((((uintptr_t)out | (uintptr_t)in) & 3) == 0)
        for (; size >= 4; size -= 4, out += 4, in += 4)
            *(u32 *)out = *(const u32 *)in;
    while (size--)
        *out++ = *in++;
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    if ((uintptr_t)to <= (uintptr_t)from)
        return memcpy(to, from, size);
    while (size--)
        ((u8 *)to)[size] = ((const u8 *)from)[size];
    return to;
}

void *memset(void *to, int value, size_t size)
{
    for (u8 *out = to; size--; out++)
        *out = (u8)value;
    return to;
}

int memcmp(const void *one, const void *other, size_t size)
{
    const u8 *a = one, *b = other;
    for (; size--; a++, b++)
        if (*a != *b)
            return *a - *b;
    return 0;
}
