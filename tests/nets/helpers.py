"""Networks compiled whole, parameters and samples made by NumPy."""

import jax
import numpy as np

# Compiled whole: op by op, most of the time of these tests would go to compilation.
start = jax.jit(lambda net, key: net.init(key), static_argnums=0)
forward = jax.jit(lambda net, params, x: net(params, x), static_argnums=0)


def drawn(net, seed=0):
    """Parameters of any net from NumPy, where how they are drawn does not matter."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(net.init, jax.random.key(0))
    return jax.tree.map(lambda leaf: _normal(rng, leaf.shape) / 2, shapes)


def samples(net, batch=3, seed=8):
    """A batch of flat samples."""
    return _normal(np.random.default_rng(seed), (batch, net.inputs))


def _normal(rng, shape):
    return jax.device_put(rng.normal(size=shape).astype(np.float32))
