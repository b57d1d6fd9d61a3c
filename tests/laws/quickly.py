"""`jax.jit` for programs that run once: the optimiser's long passes are left out."""

from functools import partial

import jax

QUICK = {"xla_backend_optimization_level": 0}
quickly = partial(jax.jit, compiler_options=QUICK)
