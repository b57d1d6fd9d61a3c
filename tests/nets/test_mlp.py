"""The MLP against a NumPy twin, and the sizes of the published networks."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.nets import MLP

from .helpers import drawn, forward

TWINS = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "linear": lambda z: z,
}


def twin(params, x, hidden, output, sign):
    a = np.asarray(x, np.float64)
    params = [(np.float64(weight), np.float64(bias)) for weight, bias in params]
    for number, (weight, bias) in enumerate(params, start=1):
        rows = []
        for row in a:
            z = [
                sum(row[i] * weight[i, j] for i in range(len(row))) + sign * bias[j]
                for j in range(len(bias))
            ]
            rows.append(TWINS[output if number == len(params) else hidden](np.array(z)))
        a = np.array(rows)
    return a


@pytest.mark.parametrize("subtract", [False, True])
@pytest.mark.parametrize(
    ("hidden", "output"), list(itertools.product(["sigmoid", "tanh", "relu"], TWINS))
)
def test_forward_agrees_with_numpy(hidden, output, subtract):
    net = MLP([4, 5, 3, 2], hidden, output, (-1, 1), subtract)
    params = drawn(net)
    x = np.random.default_rng(2).normal(size=(3, 4)).astype(np.float32)
    expected = twin(params, x, hidden, output, -1 if subtract else 1)
    np.testing.assert_allclose(forward(net, params, x), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("hidden", "output"),
    [("sigmoid", "sigmoid"), ("tanh", "linear"), ("relu", "linear")],
)
def test_auto_output_is_sigmoid_only_after_sigmoid(hidden, output):
    auto = MLP([3, 4, 2], activation=hidden)
    named = MLP([3, 4, 2], activation=hidden, output=output)
    params, x = drawn(auto), np.ones((2, 3), np.float32)
    assert np.array_equal(forward(auto, params, x), forward(named, params, x))


def test_paper_a_is_all_sigmoid_with_the_bias_subtracted():
    net = MLP.paper_a([2, 2, 1])
    params = drawn(net)
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    expected = twin(params, x, "sigmoid", "sigmoid", -1)
    np.testing.assert_allclose(forward(net, params, x), expected, rtol=1e-5)
    assert net.initial == (-0.5, 0.5)
    assert MLP.paper_a([2, 2, 1], 0, 1).initial == (0.0, 1.0)


@pytest.mark.parametrize(
    ("sizes", "count", "nodes"),
    [
        ([49, 4, 4], 220, 8),
        ([2, 2, 1], 9, 3),
        ([4, 4, 1], 25, 5),
        ([64, 32, 10], 2_410, 42),
        ([784, 128, 10], 101_770, 138),
    ],
)
def test_published_sizes(sizes, count, nodes):
    net = MLP(sizes, activation="sigmoid")
    assert (net.parameters, net.nodes) == (count, nodes)
    assert (net.inputs, net.outputs) == (sizes[0], sizes[-1])


def test_images_are_flattened_row_major():
    net = MLP([49, 4, 4])
    params = drawn(net)
    x = np.random.default_rng(1).random((5, 7, 7), np.float32)
    flat = forward(net, params, x.reshape(5, 49))
    assert np.array_equal(forward(net, params, x), flat)


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sizes": [4]}, "sizes must"),
        ({"sizes": 4}, "sizes must"),
        ({"sizes": [4, 0]}, "sizes must.*got 0"),
        ({"sizes": [4, 2.5]}, "sizes must.*got 2.5"),
        ({"sizes": [4, 2], "activation": "gelu"}, "activation must.*'gelu'"),
        ({"sizes": [4, 2], "output": "softmax"}, "output must.*'softmax'"),
    ],
)
def test_wrong_fields_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        MLP(**fields)


def test_params_of_another_depth_are_refused():
    with pytest.raises(ValueError, match="got 2, 1 too many"):
        MLP([2, 1])(drawn(MLP([2, 2, 1])), jnp.ones((1, 2)))
    with pytest.raises(ValueError, match="for each of the network's, got 1"):
        MLP([2, 2, 1])(drawn(MLP([2, 2])), jnp.ones((1, 2)))
