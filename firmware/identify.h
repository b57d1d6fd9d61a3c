/* Who the device is and what it can do, as JSON. */
#ifndef IDENTIFY_H
#define IDENTIFY_H

#include "base.h"

/* The answer to a hello. */
void put_hello(u32 session, u32 last);

#endif
