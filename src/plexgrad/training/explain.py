"""What a run would do, and why so: nothing is run.

The loop, the devices, the chunks, and what every engine says about a chunk.
"""

from typing import Any

import jax

from plexgrad.chips import Simulated
from plexgrad.chips.effect import effects
from plexgrad.chips.engine import Work
from plexgrad.chips.engines import bids, choose
from plexgrad.chips.naming import name_of, spelled
from plexgrad.core.clock import Clock
from plexgrad.core.layout import Layout
from plexgrad.training import fused
from plexgrad.training.analog import resolved
from plexgrad.training.order import Order
from plexgrad.training.rule import build_rule
from plexgrad.training.run import Run


def explain(
    chip: Any,
    data: Any,
    *,
    estimator: Any,
    rule: Any,
    slots: int,
    clock: Clock | None = None,
    batch: int = 1,
    loop: fused.LoopName = "auto",
    dynamics: Any = "discrete",
    **others: Any,
) -> dict[str, str]:
    """What `train` would do with the same arguments, as named sentences in plain text.

    Raises what `train` raises for arguments that cannot work together.
    """
    clock = clock or Clock()
    filters, estimator = resolved(dynamics, estimator, clock)
    order = Order(len(data.x_train), batch, others.get("sampling", "epoch"))
    run = Run(
        chip,
        data,
        estimator,
        build_rule(rule, slots if filters else clock.updates(slots)),
        clock,
        order,
        slots,
        jax.random.key(0),
        others.get("seeds", 1),
        [],
        shard=others.get("shard", "auto"),
        given=rule,
        dynamics=filters,
    )
    made = run.own_loop
    plan = made.plan
    layout = Layout.of(jax.eval_shape(chip.init, run.key))
    each = estimator.evaluations(run.beat, slots)
    name = fused.chosen(loop, None, made, rule, data, each, run.seeds)
    needs = fused.obstacle(made, rule, data.x_train.size)
    if filters:
        why = f"analog, slot by slot, tau_hp {filters.tau_hp:g}"
    elif name == "fused":
        why = "one compiled function runs the whole loop"
    elif needs:
        why = f"the fused loop would need {needs}"
    else:
        why = "the fused loop would not pay, or numba is not installed"
    told = {
        "work": f"{layout.size} parameters, {run.seeds} seed(s), {each} evaluations "
        f"each, {run.updates} updates",
        "loop": f"{name}: {why}",
        "devices": run.split.explain(),
        "chunks": f"{plan.per_window} per update, of {plan.chunk} slots on "
        f"{plan.groups} batch(es) of {batch}",
    }
    engined = getattr(estimator, "reference", "direct") != "direct"
    bare = effects(chip)[0].chip if effects(chip) else chip
    if around := spelled(chip):
        told["effects"] = f"{' '.join(around)}, the innermost first"
    if altering := [name_of(each) for each in effects(chip) if each.alters]:
        verb = "changes" if len(altering) == 1 else "change"
        told["engine"] = f"materialised: {', '.join(altering)} {verb} what it simulates"
    elif isinstance(bare, Simulated) and engined:
        work = Work(
            bare.net,
            estimator.code,
            layout,
            estimator.reference,
            plan.chunk,
            plan.groups,
            batch,
        )
        told |= engines(work, bare.engine)
    return told


def engines(work: Work, name: str = "auto") -> dict[str, str]:
    """The engine that a chip set to `name` takes for some work, and every engine's bid.

    The microseconds are the cost model's, not measured here.
    """
    chosen = choose(work, name).name
    how = "the cheapest" if name == "auto" else "as asked for"
    told = {"engine": f"{chosen}, {how}"}
    for bid in bids(work):
        said = bid.refusal or f"{1e6 * bid.seconds:.3g} us per slot expected"
        told[f"  {bid.engine}"] = said
    return told
