"""Specifications: plain data from dataclasses and back, classes found by crawling."""

import abc
import dataclasses
import importlib
import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plexgrad.core.clock import Clock
from plexgrad.core.spec import concrete, from_spec, name_of, to_spec
from plexgrad.training.specs import kinds


@dataclasses.dataclass(frozen=True)
class Inner:
    size: float = 1.0
    name: str = "x"


@dataclasses.dataclass(frozen=True)
class Outer:
    inner: Inner
    parts: tuple = ()
    options: dict = dataclasses.field(default_factory=dict)
    flag: bool = False
    nothing: None = None
    derived: int = dataclasses.field(default=7, init=False)


KINDS = {"Inner": Inner, "Outer": Outer, "Clock": Clock}
FULL = {name_of(cls): cls for cls in KINDS.values()}

inners = st.builds(
    Inner, size=st.floats(allow_nan=False, allow_infinity=False), name=st.text()
)
outers = st.builds(
    Outer,
    inner=inners,
    parts=st.lists(st.integers() | inners | st.booleans()).map(tuple),
    options=st.dictionaries(
        st.text().filter(lambda name: name != "kind"), st.none() | st.integers()
    ),
    flag=st.booleans(),
)


@given(outers)
@settings(deadline=None)
def test_what_goes_out_comes_back_through_json(thing):
    text = json.dumps(to_spec(thing), allow_nan=False)
    assert from_spec(json.loads(text), FULL) == thing


def test_a_spec_is_a_kind_and_its_fields():
    told = {"kind": f"{__name__}:Inner", "size": 0.5, "name": "x"}
    assert to_spec(Inner(0.5)) == told
    assert to_spec(Clock(1, 2, 3)) == {
        "kind": "Clock",
        "tau_p": 1,
        "tau_x": 2,
        "tau_theta": 3,
    }


def test_a_class_of_somebody_else_is_called_by_its_module_and_never_imported():
    assert name_of(Clock) == "Clock"
    spec = {"kind": "antigravity:Flight"}
    with pytest.raises(ValueError, match="got 'antigravity:Flight'; a record imports"):
        from_spec(spec, KINDS)
    assert "antigravity" not in sys.modules


def test_fields_that_are_not_left_out_of_init_are_not_stored():
    assert "derived" not in to_spec(Outer(Inner()))


def test_numbers_of_numpy_become_plain_ones():
    spec = to_spec({"a": np.int64(3), "b": np.float32(0.5), "c": np.bool_(True)})
    assert spec == {"a": 3, "b": 0.5, "c": True}
    assert [type(value) for value in spec.values()] == [int, float, bool]


def test_fields_left_out_take_their_defaults():
    assert from_spec({"kind": "Inner"}, KINDS) == Inner()


def test_data_without_a_kind_stays_as_it_is():
    assert from_spec({"a": [1, "b", None]}, KINDS) == {"a": (1, "b", None)}


@pytest.mark.parametrize("kind", ["Nobody", 3, None, {"a": 1}, ["Inner"]])
def test_an_unknown_kind_is_refused_with_the_known_ones(kind):
    with pytest.raises(ValueError, match="one of Clock, Inner, Outer; got ") as caught:
        from_spec({"inner": {"kind": kind}}, KINDS)
    assert str(kind if not isinstance(kind, list) else "Inner") in str(caught.value)


def test_an_unknown_field_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="Inner has the fields name, size; got colour"):
        from_spec({"kind": "Inner", "size": 2.0, "colour": "red"}, KINDS)
    with pytest.raises(ValueError, match="got derived"):
        from_spec({"kind": "Outer", "inner": None, "derived": 1}, KINDS)


def test_a_bad_value_is_refused_by_its_class():
    with pytest.raises(ValueError, match="tau_x must be .* got 0"):
        from_spec({"kind": "Clock", "tau_x": 0}, KINDS)


@pytest.mark.parametrize("thing", [object(), Inner, np.zeros(2), {1, 2}, b"bytes"])
def test_what_is_not_plain_is_refused(thing):
    with pytest.raises(TypeError, match="a spec holds plain data and dataclasses, got"):
        to_spec({"deep": [thing]})


class Base(abc.ABC):
    """What the classes of the temporary package derive from."""

    @abc.abstractmethod
    def act(self):
        """Left open."""


MODULES = {
    "__init__.py": "",
    "one.py": """
        from base_of_found import Base
        class One(Base):
            def act(self): return 1
        class StillAbstract(Base):
            pass
        class Unrelated:
            def act(self): return 0
        """,
    "two.py": """
        from found.one import One
        class Two(One):
            pass
        class Three(One):
            def act(self): return 3
        """,
}


@pytest.fixture
def found(tmp_path, monkeypatch):
    """A package of two modules, importable as `found`."""
    folder = tmp_path / "found"
    folder.mkdir()
    for name, text in MODULES.items():
        lines = [line.removeprefix(" " * 8) for line in text.splitlines()]
        (folder / name).write_text("\n".join(lines))
    monkeypatch.setitem(sys.modules, "base_of_found", sys.modules[__name__])
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield importlib.import_module("found")
    for name in [name for name in sys.modules if name.split(".")[0] == "found"]:
        del sys.modules[name]


def test_concrete_finds_each_class_once_where_it_is_defined(found):
    classes = list(concrete(found, Base))
    assert sorted(cls.__name__ for cls in classes) == ["One", "Three", "Two"]
    assert {cls.__module__ for cls in classes} == {"found.one", "found.two"}
    assert [cls().act() for cls in sorted(classes, key=lambda cls: cls.__name__)] == [
        1,
        3,
        1,
    ]


def test_a_new_file_is_found_without_touching_another(found):
    path = importlib.import_module("found.one").__file__
    text = "from base_of_found import Base\nclass New(Base):\n    def act(self): ...\n"
    with open(path.replace("one.py", "new.py"), "w") as file:
        file.write(text)
    importlib.invalidate_caches()
    assert "New" in [cls.__name__ for cls in concrete(found, Base)]


@pytest.mark.parametrize(
    ("place", "kind", "said"),
    [
        (
            "code",
            "walsh",
            r"code kind must be one of Gaussian, .*, Walsh; got 'walsh'"
            r"; did you mean 'Walsh'\?$",
        ),
        ("code", "Sinusiod", r"; did you mean 'Sinusoid'\?$"),
        ("estimator", "zebra", "must be one of Backpropagation, .*; got 'zebra'$"),
    ],
)
def test_an_unknown_kind_gets_the_nearest_and_those_of_its_place(place, kind, said):
    with pytest.raises(ValueError, match=said) as caught:
        from_spec({"kind": kind}, kinds(), place)
    assert "CostNoise" not in str(caught.value)


def test_a_misspelt_field_gets_the_nearest():
    with pytest.raises(ValueError, match=r"got ampltude; did you mean 'amplitude'\?"):
        from_spec({"kind": "Walsh", "ampltude": 1.0}, kinds())
