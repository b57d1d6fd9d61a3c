"""Plain data that was computed twice, perhaps on another processor."""

import math

CLOSE = 1e-9
"""How far recomputed floats may differ, relative to the larger: logs and fits end in
other last bits with other vector instructions."""


def differences(made, kept, place="$"):
    """Where plain data differs, in words: floats to 1e-9, all else exactly."""
    if isinstance(made, dict) and isinstance(kept, dict):
        if made.keys() != kept.keys():
            return [f"{place}: keys {sorted(made.keys() ^ kept.keys())} in one alone"]
        pairs = [(made[key], kept[key], f"{place}.{key}") for key in kept]
    elif isinstance(made, list) and isinstance(kept, list):
        if len(made) != len(kept):
            return [f"{place}: {len(made)} and {len(kept)} entries"]
        both = zip(made, kept, strict=True)
        pairs = [(a, b, f"{place}[{n}]") for n, (a, b) in enumerate(both)]
    elif type(made) is float and type(kept) is float:
        same = math.isclose(made, kept, rel_tol=CLOSE)
        return [] if same else [f"{place}: {made!r} and {kept!r}"]
    else:
        same = type(made) is type(kept) and made == kept
        return [] if same else [f"{place}: {made!r} and {kept!r}"]
    return [found for pair in pairs for found in differences(*pair)]
