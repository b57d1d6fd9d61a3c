"""What a listener gives those who come, and what it asks of them.

A listener answers with functions from bytes heard to bytes to say, one for each line.
Such a function may say more of itself, and is then asked: `answers` gives its answers
one by one, so that only one is held; `stranger_s` is for how many seconds nobody known
has been at the line; `close` is called at its end.
"""

from collections.abc import Callable, Iterator
from typing import Any

Hear = Callable[[bytes], bytes]
Connect = Callable[[], Hear]

CONNECTIONS = 32
"""Lines that a listener keeps at once."""

HELLO_S = 10.0
"""Seconds after which a line is hung up at whose end is nobody known."""

ROOM_S = 1.0
"""Seconds after which such a line makes room, if all are taken and another comes."""

SEND_S = 10.0
"""Seconds for which an answer waits for somebody who reads none of it."""

PAUSE_S = 0.1
"""Seconds between two tries to let somebody in, if the machine has no room."""


def answers(hear: Any, data: bytes) -> Iterator[bytes]:
    """The answers to what was heard, one by one."""
    each = getattr(hear, "answers", None)
    said = [hear(data)] if each is None else each(data)
    return (part for part in said if part)


def stranger_s(hear: Any) -> float:
    """Seconds for which nobody known has been at the line; 0 if it does not say."""
    return getattr(hear, "stranger_s", 0.0)


def hang_up(hear: Any) -> None:
    """Tell it that its line is gone."""
    if (close := getattr(hear, "close", None)) is not None:
        close()


def notice(host: str, public: bool) -> str:
    """What the operator of an end without keys has to know."""
    who = f"everybody who reaches {host}" if public else "every user of this machine"
    return f"no keys: {who} can drive this chip (docs/security.md)"
