"""The CNN against a slow NumPy twin, its two convolutions, and the published sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.nets import CNN, layers

from .helpers import drawn

ACTIVATIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
}
WIDTHS = [1, 2, 4, 8, 16, 24, 32, 48, 64]
P_TABLE = [520, 1908, 7318, 28674, 113530, 254578, 451818, 1014874, 1802698]
N_TABLE = [2762, 5514, 11018, 22026, 44042, 66058, 88074, 132106, 176138]


def slow_convolution(image, kernel, padding):
    height, width, _ = image.shape
    if padding == "VALID":
        height, width, shift = height - 2, width - 2, 0
    else:
        shift = -1
    out = np.zeros((height, width, kernel.shape[-1]))
    for r, c, i, j in np.ndindex(height, width, 3, 3):
        y, x = r + i + shift, c + j + shift
        if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
            out[r, c] += image[y, x] @ kernel[i, j]
    return out


def slow_pool(image):
    height, width, channels = image.shape
    out = np.empty((height // 2, width // 2, channels))
    for r, c in np.ndindex(height // 2, width // 2):
        out[r, c] = image[2 * r : 2 * r + 2, 2 * c : 2 * c + 2].max(axis=(0, 1))
    return out


def twin(net, params, images):
    act = ACTIVATIONS[net.activation]
    rows = []
    for image in np.asarray(images, np.float64):
        queue = [(np.float64(w), np.float64(b)) for w, b in params]
        for layer in net.body:
            if layer == "pool":
                image = slow_pool(image)
            else:
                kernel, bias = queue.pop(0)
                image = act(slow_convolution(image, kernel, net.padding) + bias)
        a = image.ravel()
        while len(queue) > 1:
            weight, bias = queue.pop(0)
            a = act(a @ weight + bias)
        rows.append(a @ queue[0][0] + queue[0][1])
    return np.array(rows)


@pytest.fixture(params=[layers.PATCH_FLOATS, 0], ids=["patches", "convolution"])
def either_convolution(request, monkeypatch):
    monkeypatch.setattr(layers, "PATCH_FLOATS", request.param)


@pytest.mark.usefixtures("either_convolution")
@pytest.mark.parametrize(
    ("activation", "padding"),
    [("relu", "VALID"), ("tanh", "SAME"), ("sigmoid", "VALID")],
)
def test_forward_agrees_with_numpy(activation, padding):
    body = (3, "pool", 2, "pool") if padding == "SAME" else (3, "pool", 2)
    net = CNN((9, 8, 2), body, (4, 3), activation, padding)
    params = drawn(net)
    x = np.random.default_rng(2).normal(size=(2, 9, 8, 2)).astype(np.float32)
    expected = twin(net, params, x)
    # A fresh function, compiled anew: the limit is not among a cache's keys.
    outputs = jax.jit(lambda params, x: net(params, x))(params, x)
    np.testing.assert_allclose(outputs, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
def test_the_two_convolutions_agree_forward_vmapped_and_backward(padding, monkeypatch):
    net = CNN((9, 8, 2), (3, "pool", 4), (3,), padding=padding)
    many = [drawn(net, seed) for seed in range(3)]
    stack = jax.tree.map(lambda *leaves: np.stack(leaves), *many)
    x = np.random.default_rng(1).normal(size=(2, 9, 8, 2)).astype(np.float32)

    def cost(params):
        return jnp.sum(net(params, x) ** 2)

    patches = jax.jit(jax.vmap(jax.value_and_grad(cost)))(stack)
    monkeypatch.setattr(layers, "PATCH_FLOATS", 0)
    convolution = jax.jit(jax.vmap(jax.value_and_grad(cost)))(stack)
    for one, other in zip(
        jax.tree.leaves(patches), jax.tree.leaves(convolution), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_a_large_batch_meets_the_same_network():
    net = CNN.fashion_mnist()
    params = drawn(net)
    x = np.random.default_rng(1).random((100, 28, 28), np.float32)
    # Here the first layer takes patches and the second, with 16 channels, does not.
    assert 9 * x.size < layers.PATCH_FLOATS < 9 * 13 * 13 * 16 * len(x)
    forward = jax.jit(net)
    few = forward(params, x[:3])
    np.testing.assert_allclose(forward(params, x)[:3], few, rtol=1e-5, atol=1e-3)


def test_published_sizes():
    fashion, cifar = CNN.fashion_mnist(), CNN.cifar10()
    assert (fashion.parameters, fashion.inputs, fashion.outputs) == (14_378, 784, 10)
    assert (cifar.parameters, cifar.inputs, cifar.outputs) == (26_154, 3072, 10)
    # Pre-activations: 26^2 x 16 + 11^2 x 32 + 3^2 x 32 and the outputs.
    assert fashion.nodes == 10_816 + 3_872 + 288 + 10


@pytest.mark.parametrize(
    ("d", "parameters", "nodes"), list(zip(WIDTHS, P_TABLE, N_TABLE, strict=True))
)
def test_the_vgg_family_has_the_published_counts(d, parameters, nodes):
    net = CNN.vgg(d)
    assert net.parameters == 439 * d**2 + 71 * d + 10 == parameters
    assert net.nodes == 2752 * d + 10 == nodes


def test_vgg_has_nine_layers_and_as_many_outputs_as_classes():
    net = CNN.vgg(1, classes=4)
    params = drawn(net)
    assert len(params) == 9
    assert jax.eval_shape(net, params, jnp.zeros((2, 784))).shape == (2, 4)


def test_channels_first_is_refused():
    net = CNN.demo()
    with pytest.raises(ValueError, match=r"\(8, 9, 2\), got \(2, 8, 9\)"):
        net(drawn(net), np.zeros((1, 2, 8, 9), np.float32))


def test_pooling_carries_a_nan():
    x = jnp.zeros((1, 3, 3, 1)).at[0, 1, 1, 0].set(jnp.nan)
    assert jnp.isnan(layers.max_pool(x)[0, 0, 0, 0])


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"shape": (28, 28)}, "shape must"),
        ({"shape": (28, 0, 1)}, "shape must.*got 0"),
        ({"body": (4, "avg")}, "layer must.*'avg'"),
        ({"dense": ()}, "dense must"),
        ({"dense": (0,)}, "dense must.*got 0"),
        ({"activation": "linear"}, "activation must.*'linear'"),
        ({"padding": "FULL"}, "padding must.*'FULL'"),
        ({"shape": (3, 3, 1), "body": (2, 2)}, "body must leave"),
        ({"shape": (4, 4, 1), "body": ("pool", "pool", "pool")}, "body must leave"),
    ],
)
def test_wrong_fields_are_refused(fields, message):
    valid = {"shape": (8, 8, 1), "body": (2,), "dense": (3,)}
    with pytest.raises(ValueError, match=message):
        CNN(**(valid | fields))
