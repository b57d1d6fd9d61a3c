/* Who the device is and what it can do, as JSON. */
#ifndef IDENTIFY_H
#define IDENTIFY_H

#include "base.h"

/* A session as version 1 knows it, and as version 2 does. */
struct session {
    u16 number;
    u32 words[2];
};

/* The answer to a hello of a token: session, last number and digest of the last order. */
void put_hello(const struct session *session, u32 version, const u32 *token, u32 last, u32 made);

#endif
