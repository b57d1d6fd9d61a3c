"""What the tests run in processes of their own: runs over several devices.

`python -m tests.training.workers FOLDER` trains on the devices that JAX is given,
`... FOLDER whole` leaves one record of theirs, and `... FOLDER PORT PROCESS` trains as
one of two processes; results go to files in the folder.
"""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

import plexgrad as pg
from plexgrad.core.layout import Layout
from plexgrad.training import processes
from plexgrad.training.plan import Plan

from .helpers import DITHER, run_of, trained, xor

RANK_ONE = pg.estimators.WeightPerturbation(pg.codes.RankOne(0.1), "antithetic")
RUNS = {
    2: {
        "parts of a sample": (RANK_ONE, pg.Clock(2, 32, 32), 1),
        "odd seeds": (DITHER, pg.Clock(1, 3, 33), 3),
    },
    4: {
        "samples": (DITHER, pg.Clock(1, 1, 32), 1),
        "seeds and slots": (RANK_ONE, pg.Clock(1, 4, 32), 2),
        "chunks": (DITHER, pg.Clock(3, 40, 40), 1),
    },
}
SHORT = {"clock": pg.Clock(1, 32, 32), "slots": 3200, "points": 5, "seeds": 1}
SHORT |= {"estimator": RANK_ONE, "backpropagation": True}


def collectives(compiled):
    """(operation, floats) of everything that devices exchange in a compiled step."""
    kinds = (
        "all-gather|all-reduce|all-to-all|collective-[a-z]+|reduce-scatter|send|recv"
    )
    found = re.findall(rf"= (.*?) ({kinds})(?:-start)?\(", compiled.as_text())
    return [
        (
            kind,
            max(np.prod([int(n) for n in shape.split(",") if n]) for shape in shapes),
        )
        for text, kind in found
        if (shapes := re.findall(r"\[([\d,]*)\]", text))
    ]


def on_devices(folder):
    """The runs for so many devices, with seeds dealt only, and with slots shared."""
    told = {}
    for name, (estimator, clock, seeds) in RUNS[len(jax.devices())].items():
        slots = 20 * clock.tau_theta
        arrays = {}
        for shard in ("seeds", "slots"):
            run = run_of(estimator, clock, slots, seeds=seeds)
            run = replace(run, shard=shard, with_angles=name == "samples")
            if name == "chunks":
                run.plan = lambda _, clock=clock: Plan.make(clock, 14)
            state, history, _ = run.go(None, False, 10.0, None)
            copies = {}
            for leaf in jax.tree.leaves(state.params):
                for part in leaf.addressable_shards:
                    key = f"{part.index} {leaf.shape}"
                    copies.setdefault(key, set()).add(np.asarray(part.data).tobytes())
            params = jax.tree.map(np.asarray, state.params)
            like = jax.tree.map(lambda leaf: leaf[0], params)
            arrays[shard] = Layout.of(like).flatten(params)
            arrays[f"angles {shard}"] = np.stack(history.cosines)
        loop, split = run.loop(estimator), run.split
        train = split.same((run.data.x_train, run.data.y_train))
        first = run.over_seeds(loop.init, 1, 0)(run.keys)
        step = run.over_seeds(loop.run, 2, 3, donate=True)
        step = step.lower(first, run.keys, train, np.uint32(0), np.uint32(1)).compile()
        told[name] = {
            "mesh": [split.seeds, split.slots],
            "explained": split.explain(),
            "chunk": loop.plan.chunk,
            "per window": loop.plan.per_window,
            "different copies": max(map(len, copies.values())),
            "collectives": [[kind, int(size)] for kind, size in collectives(step)],
        }
        np.savez(folder / f"{name}.npz", **arrays)
    (folder / "told.json").write_text(json.dumps(told))


def complaint(call, *arguments, **more):
    """What a call that must fail says."""
    try:
        call(*arguments, **more)
    except (ValueError, KeyboardInterrupt) as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError("nothing was refused")


def in_a_process(folder, port, process):
    """One of two processes; process 1 sees an empty folder of its own."""
    processes.join(f"localhost:{port}", process, 2)
    mine = folder / f"process{process}"
    told = {}
    short = xor(**SHORT)

    glances = []

    def watch(glance):
        glances.append(glance)
        if process == 1 and len(glances) == 4:
            raise KeyboardInterrupt

    told["stopped"] = complaint(pg.train, **short, out=mine, watch=watch)
    told["glances"] = len(glances)
    record = pg.train(**short, out=mine, resume=True)
    told["split"] = record.extra["split"], record.reference.extra["split"]
    told["cost"] = record.final["test_cost"].tolist()
    other = short | {"key": 3 + process}
    told["other run"] = complaint(pg.train, **other)
    longer = short | {"slots": 6400}
    told["other resumed"] = complaint(pg.train, **longer, out=mine, resume=True)

    record = pg.train(**short | {"seeds": 2, "out": mine / "seeds"})
    told["two seeds"] = record.extra["split"]
    told["two costs"] = record.final["test_cost"].tolist()
    (mine / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    place, more = Path(sys.argv[1]), sys.argv[2:]
    if not more:
        on_devices(place)
    elif more == ["whole"]:
        trained(out=place / "whole", shard="slots", **SHORT)
    else:
        in_a_process(place, *map(int, more))
