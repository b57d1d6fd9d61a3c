/* The serial line (CMSDK APB UART of the MPS2 boards) and the timer beside it. */
#ifndef UART_H
#define UART_H

#include "base.h"

enum { RING = 1 << 14 };

/* Bytes that came and were not yet read: `head` is written by the receiver (the
   interrupt, or an emulator in its place), `tail` by the reader. Both count on. */
struct ring {
    volatile u32 head, tail;
    u8 bytes[RING];
};
extern struct ring received;

void uart_open(void);
void uart_interrupt(void);

/* Sends bytes; returns when the last one is with the UART. */
void uart_send(const u8 *data, u32 size);

/* Sleeps until there are bytes; gives the first of them and how many lie in a row. */
u32 uart_wait(const u8 **first);

/* So many bytes were read. */
void uart_done(u32 size);

/* Ticks of 40 ns since the timer was started, modulo 2^32; 0 without a timer. */
u32 ticks(void);

#endif
