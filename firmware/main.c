/* A network on a Cortex-M3 that is trained by perturbation over a serial line. */
#include "frames.h"
#include "network.h"
#include "session.h"
#include "uart.h"

int main(void)
{
    frames_open();
    network_open();
    session_open();
    uart_open();
    for (;;) {
        const u8 *first;
        u32 size = uart_wait(&first);
        frames_feed(first, size);
        uart_done(size);
    }
}
