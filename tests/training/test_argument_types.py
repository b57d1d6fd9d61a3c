"""An argument of another type is refused by name, with what was expected."""

import jax
import jax.numpy as jnp
import optax
import pytest

import plexgrad as pg
from plexgrad import lab

NET = pg.nets.MLP([2, 2, 1])
CODE = pg.codes.Rademacher(1e-2)
METHOD = pg.estimators.WeightPerturbation(CODE)
XOR = pg.data.load("xor")

CHIPS = {"simulated": pg.chips.Simulated(NET), "device": lab.EmulatedMLP((2, 2, 1))}

WRONG = [
    ({"chip": NET}, "chip must be one that can be trained, such as Simulated"),
    ({"data": "xor"}, r"data must be a Dataset, such as .*load\(.xor.\), got 'xor'"),
    ({"data": (1, 2)}, "data must be a Dataset"),
    ({"estimator": CODE}, "estimator must be an estimator, such as .*got Rademacher"),
    ({"rule": "sgd"}, "rule must be a plexgrad Rule or an optax one, got 'sgd'"),
    ({"rule": optax.sgd}, "rule must be a plexgrad Rule or an optax one"),
    ({"key": "0"}, "key must be a jax.random.key, an integer or .*got '0'"),
    ({"key": 0.5}, "key must be a jax.random.key"),
    ({"clock": 10}, r"clock must be a Clock, such as .*got 10"),
    ({"out": 5}, "out must be a path of a folder, got 5"),
    ({"watch": 5}, "watch must be a function, got 5"),
]


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(("changed", "said"), WRONG)
@pytest.mark.parametrize("where", CHIPS)
def test_training_says_what_it_expects(where, changed, said):
    given = {
        "chip": pg.chips.Simulated(NET)
        if where == "simulated"
        else lab.EmulatedMLP((2, 2, 1)),
        "data": XOR,
        "estimator": METHOD,
        "rule": optax.sgd(0.1),
        "slots": 10,
        "key": 0,
        **changed,
    }
    if where == "device" and "chip" in changed:
        said = "device must be a Device, such as"
    train = pg.train if where == "simulated" else lab.train
    with pytest.raises(TypeError, match=said):
        train(given.pop("chip"), given.pop("data"), **given)


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: pg.chips.Simulated("xor"), "net must be a network, such as .*'xor'"),
        (lambda: pg.value_and_grad(3, METHOD, 4), "loss must be a function, got 3"),
        (lambda: pg.grad(jnp.sum, CODE, 4), "estimator must be an estimator"),
        (lambda: pg.grad(jnp.sum, METHOD, 4)(jnp.ones(3), key="a"), "key must be"),
        (
            lambda: pg.grad(lambda x: float(x.sum()), METHOD, 4)(jnp.ones(3), key=1),
            "loss must be a function of JAX, .*pure_callback",
        ),
        (
            lambda: lab.train(
                "emulated:2-2-1",
                XOR,
                estimator=METHOD,
                rule=optax.sgd(1.0),
                slots=1,
                key=0,
            ),
            "device must be a Device.*device_at",
        ),
    ],
)
def test_what_is_made_says_so_too(make, said):
    with pytest.raises(TypeError, match=said):
        make()


def test_an_integer_names_the_key_that_jax_makes_of_it():
    function = jax.jit(pg.grad(lambda x: jnp.sum(x * x), METHOD, 4))
    named = function(jnp.ones(3), key=jax.random.key(3, impl="threefry2x32"))
    assert (function(jnp.ones(3), key=3) == named).all()
    assert (function(jnp.ones(3), key=jax.random.PRNGKey(3)) == named).all()
