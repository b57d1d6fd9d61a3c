"""What comes from devices and files cannot drive a terminal."""

import pytest

from plexgrad.core.words import line, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain µ €\tand\nlines", "plain µ €\tand\nlines"),
        ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        ("\x9b31m\r\x08", "\\x9b31m\\r\\x08"),
        ("over\u202eturned\u200b", "over\\u202eturned\\u200b"),
        ("half \udcff", "half \\udcff"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text, shown):
    assert plain(text) == shown


def test_long_ones_are_cut_and_one_line_is_one():
    assert plain("x" * 9, 5) == "xxxxx..."
    assert line("a\n b\tc") == "a b c"
