/* The session: commands, and every change made exactly once.

   The twin of plexgrad.lab.server. A change carries a number, one above that of the
   last; a repeated one is answered and not made again; a frame of an earlier session
   is refused. A serial line has one host: the last one to say hello. */
#include "session.h"
#include "config.h"
#include "frames.h"
#include "identify.h"
#include "learn.h"
#include "network.h"
#include "numbers.h"

enum command { HELLO = 1, BYE, READ, WRITE, LOAD, MEASURE, UPDATE, STEP, RUN };

static u32 last, owner;
static u16 session;

void session_open(void)
{
    session = (u16)(config()->boot >> 16);
}

static void write(struct reader *reader)
{
    struct array theta = read_array(reader), index = read_array(reader);
    if (reader->error)
        return;
    u32 wanted = index.type ? index.count : parameters;
    if (theta.type != FLOAT || theta.count != wanted)
        refuse(reader, "parameters must be one float32 for each that is written");
    if (index.type && index.type != WORD)
        refuse(reader, "numbers of parameters must be uint32");
    for (u32 place = 0; !reader->error && place < wanted; place++) {
        u32 parameter = index.type ? element(&index, place) : 0;
        if (parameter >= parameters)
            refuse(reader, "numbers of parameters must be below their count");
        if ((element(&theta, place) & 0x7FFFFFFF) > 0x7F800000)
            refuse(reader, "parameters must be numbers");
    }
    if (reader->error)
        return;
    for (u32 place = 0; place < wanted; place++) {
        u32 parameter = index.type ? element(&index, place) : place;
        i32 value = rounded(element(&theta, place), 1, STEP_BITS, MASTER_MAX);
        master[parameter] = clipped(value, -MASTER_MAX, MASTER_MAX);
        network_changed(parameter, parameter + 1);
    }
}

static void read_back(void)
{
    put_array(FLOAT, 1, parameters, 0, 0);
    for (u32 parameter = 0; parameter < parameters; parameter++)
        put_word(as_float(master[parameter], -STEP_BITS));
}

/* A measurement, behind an update that is made first unless it was made already. */
static void measure(struct reader *reader, int after_update, int fresh)
{
    struct update update = {0};
    if (after_update)
        update = read_update(reader);
    struct measurement what = read_measure(reader, after_update ? &update.codes : NULL);
    if (reader->error)
        return;
    if (fresh)
        update_make(&update);
    measure_answer(&what);
}

static void change(enum command command, struct reader *reader)
{
    if (command == WRITE)
        write(reader);
    else if (command == LOAD)
        samples_load(reader);
    else if (command == RUN)
        run_make(reader);
    else if (command == UPDATE) {
        struct update update = read_update(reader);
        if (!reader->error)
            update_make(&update);
    } else
        refuse(reader, "a command must be a known one");
}

static enum status done(enum command command, struct reader *reader)
{
    u32 number = read_word(reader);
    if (command == READ || command == MEASURE) {
        if (number != last)
            return SESSION;
        if (command == READ)
            read_back();
        else
            measure(reader, 0, 0);
    } else if (number > last + 1) {
        return SESSION;
    } else if (command == STEP) {
        /* A late copy of an older one: its host waits no more. */
        if (number < last)
            return SESSION;
        measure(reader, 1, number == last + 1);
    } else if (number == last + 1) {
        change(command, reader);
    }
    if (reader->error)
        return REFUSED;
    if (number == last + 1 && command != READ && command != MEASURE)
        last = number;
    if (command == RUN)
        run_answer();
    return OK;
}

static enum status answer(const struct frame *frame, struct reader *reader)
{
    if (frame->code == HELLO) {
        owner = read_word(reader);
        /* Copies of what was sent before this hello are from another session. */
        session++;
        put_hello(session, last);
        return OK;
    }
    if (frame->session != session || !owner)
        return SESSION;
    if (frame->code == BYE) {
        owner = 0;
        return OK;
    }
    return done(frame->code, reader);
}

void frame_came(const struct frame *frame)
{
    struct reader reader = {frame->payload, frame->payload + frame->size, NULL};
    put_start();
    enum status status = answer(frame, &reader);
    if (status == REFUSED || status == SESSION)
        put_start();
    if (status == REFUSED)
        put_words(reader.error);
    frame_send(frame->sequence, frame->session, (u8)status, put_size());
}
