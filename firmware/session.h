/* The session: commands, and every change made exactly once. */
#ifndef SESSION_H
#define SESSION_H

void session_open(void);

#endif
