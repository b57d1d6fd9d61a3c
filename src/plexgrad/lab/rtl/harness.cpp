// The ports of a trainer as a C library: one call for many clock cycles.
//
// Every wait has a limit, so that a design that never finishes is an error, not a hang:
// calls return the cycles they took, or -1 for a chip that stayed busy.
#include "Vchip.h"
#include "verilated.h"
#include <cstdint>

double sc_time_stamp() { return 0; }

namespace {

struct Chip {
    VerilatedContext context;
    Vchip top{&context};
    int64_t patience = 1 << 24;

    void tick() {
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
    }

    int64_t finish() {
        for (int64_t cycles = 0; cycles < patience; ++cycles) {
            if (!top.busy) return cycles;
            tick();
        }
        return -1;
    }

    void write(int space, uint32_t address, int32_t value, uint32_t mask) {
        top.load = 1;
        top.space = space;
        top.addr = address;
        top.data = value & mask;
        tick();
        top.load = 0;
    }

    int32_t read(int space, uint32_t address, int bits) {
        top.space = space;
        top.addr = address;
        tick();
        top.eval();
        const uint32_t sign = 1u << (bits - 1);
        const uint32_t value = top.word & ((sign << 1) - 1);
        return static_cast<int32_t>((value ^ sign) - sign);
    }

    void reseed(uint32_t seed, uint32_t start) {
        top.seed = seed;
        top.start = start;
        top.reseed = 1;
        tick();
        top.reseed = 0;
    }

    int64_t probe(int negative) {
        top.probe = 1;
        top.negative = negative;
        tick();
        top.probe = 0;
        return finish();
    }
};

}  // namespace

extern "C" {

Chip *chip_new() {
    Chip *chip = new Chip;
    chip->top.rst = 1;
    chip->top.load = chip->top.run = chip->top.probe = chip->top.reseed = 0;
    for (int cycle = 0; cycle < 4; ++cycle) chip->tick();
    chip->top.rst = 0;
    chip->tick();
    return chip;
}

void chip_free(Chip *chip) { delete chip; }

void chip_load(Chip *chip, int space, uint32_t first, const int32_t *values,
               uint32_t count, int bits) {
    const uint32_t mask = (1u << bits) - 1;
    for (uint32_t n = 0; n < count; ++n)
        chip->write(space, first + n, values[n], mask);
}

void chip_read(Chip *chip, int space, int32_t *values, uint32_t count, int bits) {
    for (uint32_t n = 0; n < count; ++n) values[n] = chip->read(space, n, bits);
}

void chip_configure(Chip *chip, uint32_t amplitude, uint32_t shift, uint32_t period,
                    uint32_t first, uint32_t stop, uint32_t count) {
    chip->top.amplitude = amplitude;
    chip->top.shift = shift;
    chip->top.period = period;
    chip->top.first = first;
    chip->top.stop = stop;
    chip->top.count = count;
}

void chip_reseed(Chip *chip, uint32_t seed, uint32_t start) {
    chip->reseed(seed, start);
}

uint32_t chip_register(Chip *chip) { return chip->top.lfsr; }

// One cost with a register's codes, added (negative 0) or taken away.
int64_t chip_probe(Chip *chip, uint32_t seed, int negative, uint32_t start,
                   uint32_t *cost) {
    chip->reseed(seed, start);
    const int64_t cycles = chip->probe(negative);
    *cost = negative ? chip->top.minus : chip->top.plus;
    return cycles;
}

// Train for so many steps; both costs of every step, if there is room for them.
int64_t chip_run(Chip *chip, uint32_t steps, uint32_t *plus, uint32_t *minus) {
    if (!steps) return 0;
    const uint32_t before = chip->top.steps;
    uint32_t done = 0;
    int64_t cycles = 0, idle = 0;
    chip->top.run = 1;
    chip->tick();
    // A step ends with a look at `run`: it must be low before the last one does.
    if (steps == 1) chip->top.run = 0;
    while (chip->top.busy && idle < chip->patience) {
        chip->tick();
        ++cycles;
        ++idle;
        const uint32_t now = chip->top.steps - before;
        if (now == done) continue;
        if (plus) {
            plus[done] = chip->top.plus;
            minus[done] = chip->top.minus;
        }
        done = now;
        idle = 0;
        if (done + 1 >= steps) chip->top.run = 0;
    }
    chip->top.run = 0;
    return done == steps ? cycles : -1;
}

}  // extern "C"
