"""The fused loop: what it covers, when it is chosen, and the glue to its kernel.

Tiny networks leave a general loop waiting for itself. Here the whole time loop is one
compiled function (`training.kernel`), with networks or outputs in the lanes of vectors.
It needs numba, which is optional, and gives the JAX loop's results to rounding.
"""

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from plexgrad.chips import Simulated
from plexgrad.codes import Rademacher
from plexgrad.core import bits
from plexgrad.core.extras import install
from plexgrad.core.layout import Layout
from plexgrad.data import Dataset
from plexgrad.estimators import WeightPerturbation
from plexgrad.nets import MLP, MSE, CrossEntropy
from plexgrad.training.discrete import Keys, Loop, State
from plexgrad.training.packing import (
    Packing,
    aligned,
    flattened,
    placed,
    unflattened,
)
from plexgrad.training.rule import Rule
from plexgrad.training.setting import Setting, scratch

LoopName = Literal["auto", "jax", "fused"]

FEW_SEEDS = 8
"""Seeds below which the lanes of a vector hold outputs rather than networks."""

MOST_PARAMETERS = 2**13
MOST_ALONE = 2**17
MOST_WORK = 2**14
"""Parameters up to which "auto" takes the fused loop: with many seeds, with few at
batch 1, and (times the batch) with larger batches.

Measured beside the JAX loop on two cores: with 1 or 2 seeds 1.8 to 6 times as fast at
101,770 parameters, with 8 seeds 0.3 to 0.9 times; at 2,410 parameters 1.1 to 3 times
whatever the seeds, and no gain with batches of 8, where large products come into their
own.
"""

LEAST_S = 10.0
"""Seconds that the JAX loop should take before compiling a kernel is worth it."""

KINDS = {"linear": 0, "sigmoid": 1, "tanh": 2, "relu": 3}
"""The kernel's numbers for activations (see `training.twins.activate`)."""


class Descent(NamedTuple):
    """Plain gradient descent: learning rate, and momentum or None."""

    rate: float
    momentum: float | None
    nesterov: bool


def descent(rule: Any) -> Descent | None:
    """The rule as plain gradient descent, or None if it is anything else."""
    if not isinstance(rule, Rule) or rule.name != "sgd":
        return None
    options = dict(rule.options)
    rate, momentum = options.pop("learning_rate"), options.pop("momentum", None)
    nesterov = options.pop("nesterov", False)
    plain = all(isinstance(number, int | float) for number in (rate, momentum or 0.0))
    if not plain or any(value is not None for value in options.values()):
        return None
    return Descent(rate, momentum, bool(nesterov))


def obstacle(loop: Any, rule: Any, values: int) -> str | None:
    """What the fused loop would need to make this run, in words, or None.

    `rule` is the one that was given, `values` the size of the training inputs.
    """
    chip, estimator = loop.chip, loop.estimator
    if type(loop) is not Loop:
        return "discrete dynamics"
    if type(chip) is not Simulated or chip.engine != "auto":
        return "a Simulated chip with the engine left to 'auto'"
    if type(chip.net) is not MLP:
        return "an MLP"
    if type(chip.cost) not in (MSE, CrossEntropy):
        return "the cost MSE or CrossEntropy"
    if type(estimator) is not WeightPerturbation or estimator.reference == "direct":
        return "the estimator WeightPerturbation, and a baseline or antithetic pairs"
    if type(estimator.code) is not Rademacher:
        return "the code Rademacher"
    if descent(rule) is None:
        return 'the rule Rule("sgd", ...) with a constant learning rate'
    if values >= 2**32:
        return "fewer than 2**32 values of training data"
    if jax.config.read("jax_enable_x64"):
        return "JAX in 32 bits"
    if jax.process_count() > 1 or loop.workers > 1:
        return "one process, and seeds that no devices share"
    return None


def chosen(
    name: LoopName,
    kept: str | None,
    loop: Any,
    rule: Any,
    data: Dataset,
    evaluations: int,
    seeds: int,
) -> LoopName:
    """The loop to run, "jax" or "fused".

    "auto" is the one that a checkpoint was made by (`kept`); else the fused loop for
    small networks on CPUs, if the run of so many `evaluations` per seed is long enough.
    Raises ValueError if another loop than the checkpoint's is asked for, and if the
    fused loop cannot do what it is asked for, or has no numba.
    """
    if kept is not None and name not in ("auto", kept):
        raise ValueError(f"loop must be {kept!r}, as in the checkpoint, got {name!r}")
    name = "fused" if kept == "fused" else name
    if name == "jax" or kept == "jax":
        return "jax"
    needs = obstacle(loop, rule, data.x_train.size)
    if name == "fused":
        if needs:
            raise ValueError(f"loop must be 'auto' or 'jax': 'fused' needs {needs}")
        if missing():
            raise ValueError(f"loop 'fused' needs numba: {install('fast')}")
        return "fused"
    if needs or missing() or jax.default_backend() != "cpu":
        return "jax"
    size, batch = layout_of(loop).size, loop.order.batch
    alone = seeds < FEW_SEEDS and batch == 1
    most = MOST_ALONE if alone else min(MOST_PARAMETERS, MOST_WORK // batch)
    if size > most:
        return "jax"
    # The JAX loop on one CPU, measured: a step, and the work in it.
    seconds = evaluations * (1e-6 + seeds * batch * (size + 20) / 6e8)
    return "fused" if seconds > LEAST_S else "jax"


def missing() -> bool:
    """Whether numba is not installed."""
    return find_spec("numba") is None


def layout_of(loop: Loop) -> Layout:
    """The parameters of a loop's chip."""
    return Layout.of(jax.eval_shape(loop.chip.init, jax.random.key(0)))


class Fused:
    """The fused loop of all seeds of a run, in the place of its compiled step.

    One thread per CPU device of JAX; their number changes no bit.
    """

    def __init__(
        self, loop: Loop, rule: Any, keys: Keys, data: Dataset, threads: int = 0
    ) -> None:
        # Numba takes most of a second to import, so not for a run that needs none.
        from plexgrad.training.kernel import run_units

        chip: Any = loop.chip
        seeds, sizes = len(keys.code), chip.net.sizes
        self.kernel, wide = run_units, seeds >= FEW_SEEDS
        self.packing = Packing.of(tuple(sizes), seeds, wide)
        self.setting = setting_of(loop, rule, self.packing)
        threads = threads or len(jax.local_devices(backend="cpu"))
        shares = np.array_split(np.arange(self.packing.units), threads)
        self.shares = [(int(s[0]), int(s[-1]) + 1) for s in shares if len(s)]
        made = [scratch(self.setting, sizes) for _ in self.shares]
        self.spaces, self.held = zip(*made, strict=True)
        self.keys = [
            aligned(self.packing.lanes(np.asarray(jax.vmap(bits.key_words)(key))))
            for key in (keys.code, keys.data)
        ]
        x, y = (
            np.asarray(part, np.float32).reshape(self.setting.size, -1)
            for part in (data.x_train, data.y_train)
        )
        if isinstance(chip.cost, CrossEntropy):
            y = chip.cost.smoothed(y)
        # A vector read at the last sample must not read beyond the array.
        self.data = [aligned(x), aligned(np.append(y, np.zeros(16, np.float32)))]
        self.kept: tuple[State, list[np.ndarray]] | None = None
        many = len(self.shares) > 1
        self.pool = ThreadPoolExecutor(len(self.shares)) if many else None
        self._run([np.zeros(16, np.float32)] * 5, [(0, 0)], 0, 0)  # compiles

    def __call__(self, state: State, first: Any, last: Any) -> State:
        """The state after chunks `first` to `last` (not included), for all seeds."""
        known = self.kept is not None and self.kept[0] is state
        arrays = self.kept[1] if self.kept and known else self.packed(state)
        # Until they are whole again, an interrupt must not find them.
        self.kept = None
        self._run(arrays, self.shares, int(first), int(last))
        state = self.unpacked(arrays, state)
        self.kept = state, arrays
        return state

    def _run(
        self,
        arrays: list[np.ndarray],
        shares: list[tuple[int, int]],
        first: int,
        last: int,
    ) -> None:
        every = [*arrays, *self.keys, *self.data]

        def work(units: tuple[int, int], space: Any) -> None:
            # Read here, so that the arrays live until the last thread is done.
            places = tuple(array.ctypes.data for array in every)
            self.kernel(self.setting, space, places, units, first, last)

        if self.pool is None or len(shares) == 1:
            work(shares[0], self.spaces[0])
        else:
            list(self.pool.map(work, shares, self.spaces))

    def packed(self, state: State) -> list[np.ndarray]:
        """The state as the kernel's arrays, which do not share its memory."""
        trace = state.rule if jax.tree.leaves(state.rule) else state.params
        trees = (state.params, state.gradient, trace)
        pack, lanes = self.packing.pack, self.packing.lanes
        arrays = [pack(flattened(tree)) for tree in trees]
        marks = np.asarray(state.diverged, np.uint32)[:, None]
        arrays += [lanes(np.asarray(state.cost)[:, None]), lanes(marks)]
        return [aligned(array) for array in arrays]

    def unpacked(self, arrays: list[np.ndarray], like: State) -> State:
        """The kernel's arrays as a state, placed on devices like another."""
        units = self.packing.units
        theta, gradient, trace, cost, marks = (
            array.reshape(units, -1) for array in arrays
        )
        unpack, first = self.packing.unpack, self.packing.first
        rule = like.rule
        if jax.tree.leaves(rule):
            rule = unflattened(unpack(trace), rule)
        return State(
            unflattened(unpack(theta), like.params),
            rule,
            unflattened(unpack(gradient), like.gradient),
            placed(first(cost), like.cost),
            placed(first(marks), like.diverged),
        )


def setting_of(loop: Loop, rule: Any, packing: Packing) -> Setting:
    """What the kernel has to compute for a loop without an `obstacle`."""
    chip: Any = loop.chip
    estimator: Any = loop.estimator
    net, plan, order, plain = chip.net, loop.plan, loop.order, descent(rule)
    if plain is None:
        raise ValueError(f"rule must be plain gradient descent, got {rule!r}")
    clock = plan.clock
    return Setting(
        wide=packing.wide,
        parameters=len(packing.place),
        rows=packing.rows,
        depth=len(net.sizes) - 1,
        width=max(net.sizes[1:]),
        hidden=KINDS[net.activation],
        output=KINDS[net.last],
        entropy=isinstance(chip.cost, CrossEntropy),
        bias=-1.0 if net.subtract_bias else 1.0,
        amplitude=float(estimator.code.amplitude),
        antithetic=estimator.reference == "antithetic",
        batch=order.batch,
        size=order.size,
        replacement=order.sampling == "replacement",
        rounds=bits.rounds(order.size),
        tau_p=clock.tau_p,
        tau_x=clock.tau_x,
        tau_theta=clock.tau_theta,
        hold=plan.hold,
        groups=plan.groups,
        chunk=plan.chunk,
        segment=plan.segment,
        per_segment=plan.per_segment,
        per_window=plan.per_window,
        rate=float(plain.rate),
        shrinkage=estimator.shrinkage(clock.patterns, layout_of(loop))[0],
        momentum=float(plain.momentum or 0.0),
        with_momentum=plain.momentum is not None,
        nesterov=plain.nesterov,
    )
