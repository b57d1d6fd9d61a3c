"""Whatever the bytes, a reader gives what can be used, or a clear refusal.

A few hundred inputs for each; `benchmarks/fuzz.py` tries as many as are asked for.
"""

import itertools
import json
import os
import time
import tracemalloc

import hypothesis
import hypothesis.strategies as st
import pytest

from plexgrad.core import arrays, shape
from plexgrad.core.reading import file_bytes, plain_json, plain_toml, shown

from .readers import READERS

FEW = 60


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_damaged_and_hostile_inputs_are_used_or_refused(reader, tmp_path):
    for seed, data in itertools.islice(reader.inputs(tmp_path), FEW):
        try:
            reader.try_one(tmp_path, data, drawn=False)
        except Exception as error:
            raise AssertionError(f"{reader.name}, seed {seed}: {error!r}") from error


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_what_is_mutated_is_accepted_before(reader, tmp_path):
    for number, sample in enumerate(reader.samples(tmp_path)):
        assert reader.try_one(tmp_path, sample, drawn=not number)


def complaint(call, *arguments):
    """What a call says when it refuses; "" if it does not."""
    try:
        call(*arguments)
    except ValueError as error:
        return str(error)
    return ""


READS = {
    "JSON": lambda data: plain_json("here", data),
    "TOML": lambda data: plain_toml("here", data),
    "npz": arrays.unpacked,
    "npy": arrays.array,
}


@pytest.mark.parametrize("kind", READS)
@hypothesis.settings(derandomize=True, max_examples=60, database=None)
@hypothesis.given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(kind, data):
    assert len(complaint(READS[kind], data)) < 500


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=20,
)


@hypothesis.settings(derandomize=True, max_examples=60, database=None)
@hypothesis.given(data=plain)
def test_plain_data_come_back_or_say_what_they_break(data):
    text = json.dumps(data)
    said = complaint(plain_json, "here", text)
    assert said.startswith("here must ") or plain_json("here", text) == data


@pytest.mark.parametrize("text", ["[", '{"a":', "[[],"])
def test_depth_is_bounded(text):
    with pytest.raises(ValueError, match="here must be at most 100 levels deep"):
        plain_json("here", text * 200_000)
    deep = "[" * 100 + "]" * 100
    assert plain_json("here", deep)
    with pytest.raises(ValueError, match="at most 100 levels deep"):
        plain_json("here", f"[{deep}]")
    with pytest.raises(ValueError, match="at most 100 levels deep"):
        plain_toml("here", f"a{'.a' * 5000} = 1")


@pytest.mark.parametrize("part", [".a", " . a", '."a"', ".'a.b#'", '."\\"a"'])
@pytest.mark.parametrize(
    "around",
    [
        "a{} = 1",
        "[a{}]",
        "[[a{}]]",
        "x = {{a{} = 1}}",
        "# don't\na{} = 1",
        'x = """a"""""\na{} = 1',
        'x = {{y = """\\\\""""", a{} = 1}}',
        "x = {{y = '''a''''', a{} = 1}}",
    ],
)
def test_a_long_dotted_key_is_refused_before_it_is_parsed(part, around):
    tracemalloc.start()
    with pytest.raises(ValueError, match="at most 100 levels deep"):
        plain_toml("here", around.format(part * 5000))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**21
    plain_toml("here", around.format(part * 90))


def test_dots_of_numbers_and_of_text_are_no_depth():
    text = f"x = [{'0.5, ' * 500}]\ny = '{'.' * 500}'\nz = \"{'.' * 500}\"\n# "
    found = plain_toml("here", text + "." * 500)
    assert (len(found["x"]), len(found["y"]), len(found["z"])) == (500, 500, 500)


@pytest.mark.parametrize("bit", ['"""', "'''", '"', "'", '\\"""', '"" ', "a"])
def test_the_time_for_a_toml_text_is_that_of_its_length(bit):
    began = time.process_time()
    complaint(plain_toml, "here", "x = " + bit * (2**20 // len(bit) - 4))
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NaN", "numbers must be finite, got NaN"),
        ("1e999", "must hold finite numbers, got inf"),
        (str(2**64), "must hold integers of 64 bits"),
        ("9" * 5000, "must be JSON"),
        ('"\\ud800"', "must hold text that UTF-8 can write"),
        ("\ufeff1", "must be JSON"),
    ],
)
def test_what_later_steps_could_not_bear_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        plain_json("here", text)


def test_only_regular_files_of_a_bounded_size_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    assert file_bytes(tmp_path / "file", 5) == b"12345"
    with pytest.raises(ValueError, match="file must have at most 4 bytes, got 5"):
        file_bytes(tmp_path / "file", 4)
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(ValueError, match="must be a regular file, got another"):
            file_bytes(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        file_bytes(tmp_path / "nothing")


def test_what_is_shown_of_a_value_is_short():
    value = ()
    for _ in range(60):  # 2**60 tuples, if they were all shown
        value = (value, value)
    assert len(shown(value)) <= 80


@pytest.mark.parametrize(
    ("rule", "value", "message"),
    [
        (shape.whole, True, "it must be an integer of at least 0, got True"),
        (shape.real, "1", "it must be a number, got '1'"),
        (shape.truth, 1, "it must be true or false, got 1"),
        (shape.text, None, "it must be text, got None"),
        (shape.maybe(shape.text), 1, "it must be text"),
        (shape.each(shape.text), ["a", 1], r"it\[1\] must be text, got 1"),
        (shape.each(shape.text, 1), ["a", "b"], "it must hold at most 1, got 2"),
        (shape.by_name(shape.real), {"a": []}, r"it.a must be a number, got \[\]"),
        (shape.fields({"a": shape.text}), {}, "it must hold a$"),
        (shape.fields({}, {}, None), {"b": 1}, "it must hold nothing but ; got 'b'"),
        (shape.fixed((shape.real,)), [1, 2], r"it must hold 1, got \[1, 2\]"),
        (shape.word_of(("a", "b")), "c", "it must be one of a, b; got 'c'"),
        (shape.of(tuple[int, ...]), [0.5], r"it\[0\] must be an integer, got 0.5"),
    ],
)
def test_a_rule_names_the_place_the_rule_and_the_value(rule, value, message):
    with pytest.raises(ValueError, match=message):
        rule("it", value)
