"""The machine, and its limits as measured in this run: GEMM and stream bandwidth."""

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

PACKAGES = ("jax", "jaxlib", "numpy", "optax", "numba", "torch", "evosax")


def _best(call: Callable[[], object], seconds: float) -> float:
    """The shortest of the calls that fit in these seconds."""
    call()
    ends, best = time.perf_counter() + seconds, float("inf")
    while time.perf_counter() < ends:
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
    return best


def gemm(size: int, seconds: float) -> dict[str, float]:
    """Flops per second of a float32 product of square matrices, by who computed it.

    JAX at its default precision; on a CPU also NumPy's BLAS.
    """
    a = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    on_device = jnp.asarray(a)
    product = jax.jit(jnp.matmul)
    found = {
        "jax": _best(lambda: product(on_device, on_device).block_until_ready(), seconds)
    }
    if jax.default_backend() == "cpu":
        found["numpy"] = _best(lambda: a @ a, seconds)
    return {name: 2 * size**3 / best for name, best in found.items()}


def stream(megabytes: int, seconds: float) -> dict[str, float]:
    """Bytes per second read from memory, by a JAX sum and by NumPy dots in threads."""
    a = np.ones(megabytes * 250_000, np.float32)
    on_device = jnp.asarray(a)
    total = jax.jit(jnp.sum)
    found = {"jax": _best(lambda: total(on_device).block_until_ready(), seconds)}
    if jax.default_backend() == "cpu":
        cores = os.cpu_count() or 1
        parts = np.array_split(a, cores)
        with ThreadPoolExecutor(cores) as pool:

            def dots() -> list:
                return list(pool.map(lambda part: np.dot(part, part), parts))

            found["numpy"] = _best(dots, seconds)
    return {name: a.nbytes / best for name, best in found.items()}


def measured(quick: bool) -> dict[str, Any]:
    """Both limits, each the best of its ways, and all ways."""
    size, megabytes, seconds = (512, 32, 0.05) if quick else (2048, 256, 1.0)
    if jax.default_backend() != "cpu" and not quick:
        size, megabytes = 8192, 4096
    flops, rate = gemm(size, seconds), stream(megabytes, seconds)
    return {
        "gemm_flops": max(flops.values()),
        "stream_bytes": max(rate.values()),
        "gemm_by": flops,
        "stream_by": rate,
    }


def machine() -> dict[str, Any]:
    """What the numbers are measured on."""
    info = Path("/proc/cpuinfo")
    names = [
        line.split(":")[1].strip()
        for line in (info.read_text().splitlines() if info.is_file() else [])
        if line.startswith("model name")
    ]
    kinds = sorted({device.device_kind for device in jax.devices()})
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "backend": jax.default_backend(),
        "devices": [f"{kinds[0]} x {len(jax.devices())}"] if len(kinds) == 1 else kinds,
    }


def versions() -> dict[str, str]:
    """Versions of everything compared; "not installed" where it is not."""
    found = {"python": platform.python_version()}
    for name in ("plexgrad", *PACKAGES):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
