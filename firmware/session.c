/* The session: commands, and every change made exactly once.

   The twin of plexgrad.lab.server. A change carries a number, one above that of the
   last; the same order again is answered and not made again, another order by that
   number and a frame of an earlier session are not. A serial line has one host: the last
   one to say hello, whose numbers are its own. There is no clock for a lease. */
#include "session.h"
#include "codes.h"
#include "config.h"
#include "frames.h"
#include "identify.h"
#include "learn.h"
#include "network.h"
#include "numbers.h"

enum command { HELLO = 1, BYE, READ, WRITE, LOAD, MEASURE, UPDATE, STEP, RUN, PART };

static u32 last, made, owner[2], former[2], hellos;
static struct session now;

void session_open(void)
{
    now.number = (u16)(config()->boot >> 16);
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

static u32 digest(enum command command, const struct reader *reader)
{
    u8 code = (u8)command;
    u32 crc = crc32c(CRC_START, &code, 1);
    return ~crc32c(crc, reader->at, (u32)(reader->stop - reader->at));
}

static void ask(enum command command, struct reader *reader)
{
    if (command == READ)
        read_back();
    else if (command == PART)
        samples_part(reader);
    else
        measure(reader, 0, 0);
}

static enum status done(enum command command, struct reader *reader)
{
    u32 number = read_word(reader);
    if (command == READ || command == MEASURE || command == PART) {
        if (number != last)
            return SESSION;
        ask(command, reader);
        return reader->error ? REFUSED : OK;
    }
    u32 order = digest(command, reader);
    int fresh = number == last + 1;
    /* A late copy, or another order by the number of one that was made. */
    if (!fresh && (number != last || order != made))
        return SESSION;
    if (command == STEP)
        measure(reader, 1, fresh);
    else if (fresh)
        change(command, reader);
    if (reader->error)
        return REFUSED;
    if (fresh) {
        last = number;
        made = order;
    }
    if (command == RUN)
        run_answer();
    return OK;
}

/* Another session for this host; numbers from anywhere if it was not the last one. */
static void begin(const u32 *token)
{
    u32 key[2] = {config()->boot, ++hellos}, numbers[2];
    signs(key, token[0], token[1], now.words);
    now.number++;
    if (token[0] != former[0] || token[1] != former[1]) {
        key[0] = ~key[0];
        signs(key, token[0], token[1], numbers);
        last = numbers[0] >> 1;
        made = 0;
        samples_part_drop();
    }
    memcpy(owner, token, sizeof owner);
    memcpy(former, token, sizeof former);
}

enum { TOKEN = 4, HELLO_2 = 10 };

/* The token, and in version 2: version u8, flags u8, the rest of the token, CRC-32C. */
static void hello(const struct frame *frame, struct reader *reader)
{
    u32 token[2] = {read_word(reader), 0};
    struct frame said = *frame;
    if (frame->size != TOKEN) {
        said.version = (read_half(reader) & 0xFF) > 1 ? 2 : 1;
        token[1] = read_word(reader);
        u32 crc = read_word(reader);
        if (reader->error || crc != ~crc32c(CRC_START, frame->payload, HELLO_2)) {
            frame_damaged();
            return;
        }
    }
    begin(token);
    frames_speak(said.version);
    put_hello(&now, said.version, token, last, made);
    frame_answer(&said, OK, put_size());
}

static int is_mine(const struct frame *frame, struct reader *reader)
{
    if (frame->version == 1)
        return frame->session == now.number;
    u32 low = read_word(reader), high = read_word(reader);
    return low == now.words[0] && high == now.words[1];
}

static enum status answer(const struct frame *frame, struct reader *reader)
{
    if (!is_mine(frame, reader) || !(owner[0] | owner[1]))
        return SESSION;
    if (frame->code == BYE) {
        owner[0] = owner[1] = 0;
        return OK;
    }
    return done(frame->code, reader);
}

void frame_came(const struct frame *frame)
{
    struct reader reader = {frame->payload, frame->payload + frame->size, NULL};
    put_start();
    if (frame->version == 1 && frame->code == HELLO) {
        hello(frame, &reader);
        return;
    }
    /* Damage of version 2 can look like a whole frame of version 1. */
    if (frame->version < frames_spoken()) {
        frame_damaged();
        return;
    }
    enum status status = answer(frame, &reader);
    if (status == REFUSED || status == SESSION)
        put_start();
    if (status == REFUSED)
        put_words(reader.error);
    frame_answer(frame, (u8)status, put_size());
}
