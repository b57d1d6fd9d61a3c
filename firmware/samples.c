/* Samples that are held under a name, or came with a measurement.

   All lie one set behind the other; those of a measurement behind the last. */
#include "samples.h"
#include "network.h"
#include "numbers.h"

struct set {
    char key[KEY_MAX + 1];
    u32 count, start;
};

static u8 store[DATA_MAX] EXTERNAL;
static struct set sets[KEYS_MAX];
static u32 set_count;

static u64 inputs_size(u32 count)
{
    return ((u64)count * inputs + 3) & ~3ull;
}

static u64 set_size(u32 count)
{
    return (inputs_size(count) + 2ull * count * outputs + 3) & ~3ull;
}

u32 samples_room(void)
{
    return (DATA_MAX - 8) / (inputs + 2 * outputs);
}

static u32 first_free(void)
{
    const struct set *last = &sets[set_count - 1];
    return set_count ? last->start + (u32)set_size(last->count) : 0;
}

static struct set *find(const char *key)
{
    for (u32 number = 0; number < set_count; number++)
        if (!memcmp(sets[number].key, key, KEY_MAX + 1))
            return &sets[number];
    return NULL;
}

/* A value of an array times a factor; integers are themselves. */
static i32 value(const struct array *array, u32 place, u32 factor)
{
    i32 most = (i32)factor;
    u32 found = element(array, place);
    if (array->type == FLOAT)
        return clipped(rounded(found, factor, 0, most), -most, most);
    return clipped((i32)found, -1, 1) * most;
}

static const i8 *keep(u8 *to, const struct array *x, const struct array *y)
{
    u32 count = x->count / inputs;
    i16 *target = (i16 *)(to + inputs_size(count));
    for (u32 place = 0; place < x->count; place++)
        ((i8 *)to)[place] = (i8)value(x, place, 127);
    for (u32 place = 0; place < y->count; place++)
        target[place] = (i16)value(y, place, 4096);
    return (const i8 *)to;
}

/* Inputs and targets of as many samples, (count, features) or (groups, batch, features). */
static int match(struct reader *reader, const struct array *x, const struct array *y, u32 axes)
{
    int same = x->axes == axes && y->axes == axes && x->shape[axes - 1] == inputs &&
               y->shape[axes - 1] == outputs;
    for (u32 axis = 0; same && axis + 1 < axes; axis++)
        same = x->shape[axis] == y->shape[axis];
    if (!same || !x->count)
        refuse(reader, "samples must be inputs and targets of the network's sizes");
    return same && x->count;
}

void samples_load(struct reader *reader)
{
    char key[KEY_MAX + 1] = {0};
    read_text(reader, key);
    struct array x = read_array(reader), y = read_array(reader);
    if (reader->error || !match(reader, &x, &y, 2))
        return;
    struct set *old = find(key);
    u64 freed = old ? set_size(old->count) : 0;
    if (first_free() - freed + set_size(x.shape[0]) > DATA_MAX)
        refuse(reader, "samples must fit into the memory for data");
    if (!old && set_count == KEYS_MAX)
        refuse(reader, "samples must be held under 4 names at most");
    if (reader->error)
        return;
    if (old) {
        u32 after = old->start + (u32)freed;
        memmove(store + old->start, store + after, first_free() - after);
        for (; old + 1 < sets + set_count; old++) {
            old[0] = old[1];
            old->start -= (u32)freed;
        }
        set_count--;
    }
    struct set new = {.count = x.shape[0], .start = first_free()};
    memcpy(new.key, key, sizeof key);
    keep(store + new.start, &x, &y);
    sets[set_count++] = new;
}

static struct shown sent(struct reader *reader)
{
    struct array x = read_array(reader), y = read_array(reader);
    struct shown found = {0};
    if (reader->error || !match(reader, &x, &y, 3))
        return found;
    u32 count = x.shape[0] * x.shape[1];
    if (first_free() + set_size(count) > DATA_MAX) {
        refuse(reader, "samples must fit into the memory for data");
        return found;
    }
    found.groups = x.shape[0];
    found.batch = x.shape[1];
    found.x = keep(store + first_free(), &x, &y);
    found.y = (const i16 *)(found.x + inputs_size(count));
    return found;
}

static struct shown held(struct reader *reader)
{
    struct shown found = {0};
    char key[KEY_MAX + 1] = {0};
    read_text(reader, key);
    found.runs = (int)read_byte(reader);
    found.groups = read_half(reader);
    found.batch = read_half(reader);
    found.index = read_array(reader);
    const struct set *set = find(key);
    u32 each = found.runs ? 1 : found.batch;
    if (!set)
        refuse(reader, "samples must be held under this name");
    else if (!found.groups || !found.batch || found.index.type < WORD ||
             found.index.count != found.groups * each)
        refuse(reader, "samples must be given by numbers, groups x batch");
    if (reader->error)
        return found;
    for (u32 place = 0; place < found.index.count; place++) {
        u64 last = (u64)element(&found.index, place) + (found.runs ? found.batch : 1);
        if (last > set->count)
            refuse(reader, "samples must be among those that are held");
    }
    found.x = (const i8 *)store + set->start;
    found.y = (const i16 *)(store + set->start + inputs_size(set->count));
    return found;
}

struct shown read_shown(struct reader *reader)
{
    struct shown found = read_byte(reader) == 1 ? sent(reader) : held(reader);
    if (!reader->error && !(found.groups && found.batch))
        refuse(reader, "samples must be shown");
    return found;
}

u32 sample(const struct shown *shown, u32 group, u32 place)
{
    if (shown->index.type == NOTHING)
        return shown->start + group * shown->batch + place;
    if (shown->runs)
        return element(&shown->index, group) + place;
    return element(&shown->index, group * shown->batch + place);
}

struct shown samples_run(const char *key, u32 batch, u32 start, u32 *count)
{
    const struct set *set = find(key);
    struct shown found = {.groups = 1, .batch = batch, .start = start};
    *count = set ? set->count : 0;
    if (set) {
        found.x = (const i8 *)store + set->start;
        found.y = (const i16 *)(store + set->start + inputs_size(set->count));
    }
    return found;
}
