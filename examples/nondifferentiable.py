"""Drop-in use: a network of step functions, trained inside one's own optax loop.

Hidden units answer 0 or 1, as a comparator on a chip does, so backpropagation sees a
gradient of zero in the first layer. `plexgrad.value_and_grad` only needs the loss.

    python examples/nondifferentiable.py
"""

import jax
import jax.numpy as jnp
import optax

import plexgrad as pg

digits = pg.data.load("digits")
x, y = jnp.asarray(digits.x_train).reshape(-1, 64), jnp.asarray(digits.y_train)
x_test, y_test = digits.x_test.reshape(-1, 64), digits.y_test


def logits(params, x):
    """64 inputs, 64 comparators, 10 outputs."""
    hidden = (x @ params["w1"] + params["b1"] > 0).astype(jnp.float32)
    return hidden @ params["w2"] + params["b2"]


def loss(params, x, y):
    """Cross-entropy of a batch: piecewise constant in w1 and b1."""
    return optax.softmax_cross_entropy(logits(params, x), y).mean()


def train(grad_fn, steps=1500, batch=256, seed=0):
    """An ordinary optax loop; returns the test accuracy."""
    keys = jax.random.split(jax.random.key(seed), 3)
    params = {
        "w1": jax.random.normal(keys[0], (64, 64)) / 8,
        "b1": jnp.zeros(64),
        "w2": jax.random.normal(keys[1], (64, 10)) / 8,
        "b2": jnp.zeros(10),
    }
    rule = optax.adam(optax.cosine_decay_schedule(0.02, steps))
    state = rule.init(params)

    @jax.jit
    def step(params, state, key):
        chosen = jax.random.randint(key, (batch,), 0, len(x))
        _, gradient = grad_fn(params, x[chosen], y[chosen], key=key)
        update, state = rule.update(gradient, state)
        return optax.apply_updates(params, update), state

    for key in jax.random.split(keys[2], steps):
        params, state = step(params, state, key)
    right = logits(params, x_test).argmax(1) == y_test.argmax(1)
    return float(right.mean())


def main():
    """Train both ways and compare."""
    # A large amplitude looks over the steps: the cost is smoothed at that scale.
    code = pg.codes.Rademacher(0.05)
    estimator = pg.estimators.WeightPerturbation(code, reference="antithetic")
    perturbed = pg.value_and_grad(loss, estimator, slots=256)
    exact = jax.value_and_grad(loss)

    print(f"perturbation:     {train(perturbed):.1%} test accuracy")
    zero = train(lambda *args, key: exact(*args))
    print(f"autodiff:         {zero:.1%} (only the output layer can learn)")


if __name__ == "__main__":
    main()
