/* Samples that are held under a name, or came with a measurement.

   All lie one set behind the other; those of a measurement behind the last. */
#include "samples.h"
#include "network.h"
#include "numbers.h"

/* `mark` tells one set from another if it came in parts. */
struct set {
    char key[KEY_MAX + 1];
    u32 count, start, mark[2];
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

/* Samples of a set of `count` from number `first` on. */
static void keep(u8 *to, u32 count, u32 first, const struct array *x, const struct array *y)
{
    i16 *target = (i16 *)(to + inputs_size(count)) + first * outputs;
    i8 *input = (i8 *)to + first * inputs;
    for (u32 place = 0; place < x->count; place++)
        input[place] = (i8)value(x, place, 127);
    for (u32 place = 0; place < y->count; place++)
        target[place] = (i16)value(y, place, 4096);
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

static void drop(struct set *set)
{
    u32 freed = (u32)set_size(set->count), after = set->start + freed;
    memmove(store + set->start, store + after, first_free() - after);
    for (; set + 1 < sets + set_count; set++) {
        set[0] = set[1];
        set->start -= freed;
    }
    set_count--;
}

/* A place for so many samples, instead of those that have this name now. */
static struct set *new_set(struct reader *reader, const char *key, u32 count)
{
    struct set *old = find(key);
    u64 freed = old ? set_size(old->count) : 0;
    if (first_free() - freed + set_size(count) > DATA_MAX)
        refuse(reader, "samples must fit into the memory for data");
    if (!old && set_count == KEYS_MAX)
        refuse(reader, "samples must be held under 4 names at most");
    if (reader->error)
        return NULL;
    if (old)
        drop(old);
    struct set new = {.count = count, .start = first_free()};
    memcpy(new.key, key, sizeof new.key);
    sets[set_count] = new;
    return &sets[set_count++];
}

void samples_load(struct reader *reader)
{
    char key[KEY_MAX + 1] = {0};
    read_text(reader, key);
    struct array x = read_array(reader), y = read_array(reader);
    if (reader->error || !match(reader, &x, &y, 2))
        return;
    struct set *set = new_set(reader, key, x.shape[0]);
    if (set)
        keep(store + set->start, set->count, 0, &x, &y);
}

/* The set that comes in parts; it lies under a name that no host can give. */
static const char unfinished[KEY_MAX + 1] = {1, 0, 1};
static struct part {
    char key[KEY_MAX + 1];
    u32 total, mark[2];
} part;
static u32 part_have;

void samples_part_drop(void)
{
    struct set *set = find(unfinished);
    if (set)
        drop(set);
    part = (struct part){0};
    part_have = 0;
}

/* Room for the set of this part, if it is the first of one. */
static void begin(struct reader *reader, const struct part *new, u32 start)
{
    samples_part_drop();
    if (start)
        return;
    if (!new->total || new->total > samples_room())
        refuse(reader, "samples must fit into the memory for data");
    struct set *set = reader->error ? NULL : new_set(reader, new->key, new->total);
    if (!set)
        return;
    memcpy(set->key, unfinished, sizeof set->key);
    part = *new;
}

static void add(struct reader *reader, const struct array *x, const struct array *y)
{
    struct set *set = find(unfinished);
    if (!match(reader, x, y, 2))
        return;
    if (x->shape[0] > part.total - part_have) {
        refuse(reader, "a part must end within its set");
        return;
    }
    keep(store + set->start, set->count, part_have, x, y);
    part_have += x->shape[0];
    if (part_have < part.total)
        return;
    memcpy(set->key, part.key, sizeof set->key);
    memcpy(set->mark, part.mark, sizeof set->mark);
    part = (struct part){0};
}

void samples_part(struct reader *reader)
{
    struct part new = {0};
    read_text(reader, new.key);
    new.total = read_word(reader);
    new.mark[0] = read_word(reader);
    new.mark[1] = read_word(reader);
    u32 start = read_word(reader), have;
    struct array x = read_array(reader), y = read_array(reader);
    if (reader->error)
        return;
    struct set *held = find(new.key);
    if (held && !memcmp(held->mark, new.mark, sizeof new.mark)) {
        put_word(held->count);
        return;
    }
    if (memcmp(&part, &new, sizeof part))
        begin(reader, &new, start);
    have = part_have;
    if (!reader->error && part.total && start == have && x.type)
        add(reader, &x, &y);
    if (!reader->error)
        put_word(part_have);
    if (!part.total)
        part_have = 0;
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
    keep(store + first_free(), count, 0, &x, &y);
    found.x = (const i8 *)store + first_free();
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
