"""What stands between a perturbed CNN and the machine's GEMM limit, stage by stage.

    python benchmarks/cnn_stages.py [--batch 1000] [--quick]

The 14,378-parameter network of McCaughan et al. 2023, simulated as the materialised
engine does it: the batch in parts that stay in cache, eight slots side by side, each
with its own kernels. Every stage is compiled and timed alone on such a part; beside
them the whole forward pass, the whole measurement of a chip, and the limit for a large
square product, all in one run. Times are medians, in microseconds per evaluation of the
whole batch; rates are of the products' own floating-point operations.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

import plexgrad as pg
from peers import limits
from plexgrad.chips.simulated import PART_LANES
from plexgrad.core.probe import Slots
from plexgrad.nets.layers import max_pool

RESULTS = Path(__file__).parent / "results" / "cnn-stages.json"
NET = pg.nets.CNN.fashion_mnist()
KERNELS = ((28, 1, 16), (13, 16, 32), (5, 32, 32))
"""Side of the image, channels in and out, of each convolution."""


def patches(x: jax.Array) -> jax.Array:
    """The nine shifted images of a 3x3 convolution, side by side."""
    side = x.shape[-2] - 2
    shifted = [
        x[..., i : i + side, j : j + side, :] for i in range(3) for j in range(3)
    ]
    return jnp.concatenate(shifted, axis=-1)


def stages(images: int, lanes: int) -> Iterator[tuple[str, Callable, tuple, float]]:
    """Name, function, arguments and flops of each stage on one part."""
    draw = iter(jax.random.split(jax.random.key(0), 100))

    def normal(*shape: int) -> jax.Array:
        return jax.random.normal(next(draw), shape)

    for number, (side, inputs, outputs) in enumerate(KERNELS, 1):
        out, depth = side - 2, 9 * inputs
        # The first layer sees the same images in every slot.
        lead = (images,) if number == 1 else (lanes, images)
        image = normal(*lead, side, side, inputs)
        yield f"patches {number}", patches, (image,), 0.0
        rows = normal(*lead[:-1], images * out * out, depth)
        kernel = normal(lanes, depth, outputs)
        how = "nk,ski->sni" if number == 1 else "snk,ski->sni"

        def product(rows: jax.Array, kernel: jax.Array, how: str = how) -> jax.Array:
            return jnp.einsum(how, rows, kernel)

        flops = 2.0 * lanes * images * out * out * depth * outputs
        yield f"product {number}", product, (rows, kernel), flops
        z = normal(lanes, images, out, out, outputs)
        bias = normal(lanes, outputs)

        def after(z: jax.Array, bias: jax.Array) -> jax.Array:
            a = jax.nn.relu(z + bias[:, None, None, None])
            return jax.vmap(max_pool)(a)

        yield f"bias, relu, pool {number}", after, (z, bias), 0.0


def seconds(function: Callable, arguments: tuple, repeats: int) -> float:
    """Median time of a compiled call."""
    compiled = jax.jit(function).lower(*arguments).compile()
    jax.block_until_ready(compiled(*arguments))
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def measured(batch: int, repeats: int, quick: bool) -> dict[str, Any]:
    """All stages, the forward pass, the measurement, and the limit."""
    chip = pg.chips.Simulated(NET, "mse")
    parts, lanes = chip._parts(batch, PART_LANES), PART_LANES
    images = batch // parts
    scale = 1e6 * parts / lanes
    rows = [
        {
            "stage": name,
            "us": scale * (spent := seconds(function, arguments, repeats)),
            "flops_per_s": flops / spent,
        }
        for name, function, arguments, flops in stages(images, lanes)
    ]
    params = NET.init(jax.random.key(0))
    stack = jax.tree.map(lambda leaf: jnp.stack([leaf] * lanes), params)
    x, y = jnp.ones((1, batch, 784)), jnp.ones((1, batch, 10))
    forward = jax.vmap(NET, in_axes=(0, None))
    whole = seconds(forward, (stack, x[0, :images]), repeats)
    estimator = pg.estimators.WeightPerturbation(pg.codes.Rademacher(1e-2))
    slots = Slots.range(lanes)

    def measure(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        probe = estimator.ask(jax.random.key(1), slots, params)
        return chip.measure(params, probe, (x, y), jax.random.key(2)).signal

    # One baseline serves the slots of a probe, so a probe has one evaluation more.
    end = seconds(measure, (params, x, y), max(3, repeats // 10)) / (lanes + 1)
    flops = batch * sum(2.0 * (s - 2) ** 2 * 9 * i * o for s, i, o in KERNELS)
    return {
        "batch": batch,
        "parts": parts,
        "images": images,
        "lanes": lanes,
        "stages": rows,
        "forward_us": scale * whole,
        "measured_us": 1e6 * end,
        "flops": flops,
        "limits": limits.measured(quick),
        "machine": limits.machine(),
        "versions": limits.versions(),
    }


def table(found: dict[str, Any]) -> str:
    """The result as a Markdown table."""
    limit = found["limits"]["gemm_by"]["jax"]
    total = sum(row["us"] for row in found["stages"])
    lines = [
        f"Batch {found['batch']:,} in {found['parts']} parts of {found['images']} "
        f"images, {found['lanes']} slots side by side; GEMM limit "
        f"{limit / 1e9:.0f} Gflop/s (JAX), "
        f"{found['limits']['gemm_by'].get('numpy', 0) / 1e9:.0f} (NumPy)",
        "",
        "| stage | us per evaluation | share of all stages | of the GEMM limit |",
        "| --- | ---: | ---: | ---: |",
    ]
    for row in found["stages"]:
        rate = f"{row['flops_per_s'] / limit:.0%}" if row["flops_per_s"] else "-"
        share = f"{row['us'] / total:.0%}"
        lines.append(f"| {row['stage']} | {row['us']:,.0f} | {share} | {rate} |")
    for name, spent in (
        ("all stages", total),
        ("forward pass", found["forward_us"]),
        ("a chip's measurement", found["measured_us"]),
    ):
        rate = found["flops"] / spent * 1e6 / limit
        lines.append(f"| {name} | {spent:,.0f} | | {rate:.0%} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, save, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="a smoke test")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    found = measured(given.batch, 5 if given.quick else 50, given.quick)
    if not given.quick:
        given.out.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
