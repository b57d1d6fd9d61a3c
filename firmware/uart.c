/* The serial line (CMSDK APB UART of the MPS2 boards) and the timer beside it. */
#include "uart.h"

struct registers {
    volatile u32 data, state, control, interrupt, divider;
};
#define UART ((struct registers *)0x40004000)
#define TIMER ((volatile u32 *)0x40000000)
#define ENABLE_INTERRUPTS (*(volatile u32 *)0xE000E100)

enum { SEND_FULL = 1, RECEIVE_FULL = 2, SEND_ON = 1, RECEIVE_ON = 2, INTERRUPT_ON = 8 };

struct ring received;

void uart_open(void)
{
    UART->divider = 16;
    UART->control = SEND_ON | RECEIVE_ON | INTERRUPT_ON;
    /* QEMU asks for input again when DATA is read, not when the receiver is turned on. */
    (void)UART->data;
    ENABLE_INTERRUPTS = 1;
    TIMER[2] = TIMER[1] = 0xFFFFFFFF;
    TIMER[0] = 1;
}

void uart_interrupt(void)
{
    UART->interrupt = 2;
    while (UART->state & RECEIVE_FULL) {
        u8 byte = (u8)UART->data;
        if (received.head - received.tail < RING)
            received.bytes[received.head++ % RING] = byte;
    }
}

/* Not to be merged into its caller: an emulator without a UART stops here. */
__attribute__((noinline, used)) void uart_send(const u8 *data, u32 size)
{
    while (size--) {
        while (UART->state & SEND_FULL)
            ;
        UART->data = *data++;
    }
}

u32 uart_wait(const u8 **first)
{
    u32 count;
    for (;;) {
        /* A byte that comes between the look and the sleep still ends the sleep. */
        __asm volatile("cpsid i" ::: "memory");
        if ((count = received.head - received.tail) != 0)
            break;
        __asm volatile("wfi\n cpsie i\n isb" ::: "memory");
    }
    __asm volatile("cpsie i" ::: "memory");
    u32 start = received.tail % RING;
    *first = received.bytes + start;
    return count < RING - start ? count : RING - start;
}

void uart_done(u32 size)
{
    received.tail += size;
}

u32 ticks(void)
{
    return 0xFFFFFFFF - TIMER[1];
}
