"""Baselines in PyTorch, one thread: (i) eager SPSA pairs, (ii) `torch.func.vmap`.

Optional: `pip install torch==2.13.0`. On a GPU that PyTorch sees they run there.
"""

import time
from collections.abc import Callable

import torch
from torch import nn
from torch.func import functional_call, vmap

from peers.problems import DELTA, Problem
from peers.timing import Runner


def network(problem: Problem) -> nn.Sequential:
    """The network of a problem, with PyTorch's own start."""
    parts: list[nn.Module] = []
    last = len(problem.shapes) - 1
    if problem.channels:
        parts.append(nn.Unflatten(1, (1, problem.image, problem.image)))
    for number, shape in enumerate(problem.shapes):
        if len(shape) == 4:
            parts += [nn.Conv2d(shape[2], shape[3], 3), nn.ReLU(), nn.MaxPool2d(2)]
            continue
        if number and len(problem.shapes[number - 1]) == 4:
            parts.append(nn.Flatten())
        parts.append(nn.Linear(*shape))
        if problem.hidden == "sigmoid":
            parts.append(nn.Sigmoid())
        elif number < last:
            parts.append(nn.ReLU())
    return nn.Sequential(*parts)


class Bench:
    """A problem in PyTorch: network, ring, cost."""

    def __init__(self, problem: Problem, gpu: bool) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        self.problem = problem
        self.device = "cuda" if gpu and torch.cuda.is_available() else "cpu"
        self.net = network(problem).to(self.device)
        x, y = problem.ring()
        self.x = torch.from_numpy(x).to(self.device)
        self.y = torch.from_numpy(y).to(self.device)
        self.number = 0

    def measure(self, outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The cost of outputs."""
        if self.problem.cost == "mse":
            return nn.functional.mse_loss(outputs, y)
        return nn.functional.cross_entropy(outputs, y)

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The next batch of the ring."""
        at = self.number % len(self.x)
        self.number += 1
        return self.x[at], self.y[at]

    def mean(self) -> float:
        """The mean cost over the ring."""
        with torch.no_grad():
            costs = [
                self.measure(self.net(x), y)
                for x, y in zip(self.x, self.y, strict=True)
            ]
        return float(sum(costs) / len(costs))

    def signs(self, *shape: int) -> torch.Tensor:
        """Random signs, as one writes them in PyTorch."""
        drawn = torch.randint(0, 2, shape, device=self.device, dtype=torch.float32)
        return drawn * 2 - 1

    def runner(self, update: Callable[[], None], each: int, updates: int) -> Runner:
        """A method that makes `each` evaluations per update."""

        def run(count: int) -> float:
            began = time.perf_counter()
            with torch.no_grad():
                for _ in range(count * updates):
                    update()
            if self.device == "cuda":
                torch.cuda.synchronize()
            return time.perf_counter() - began

        note = f"{self.device}, 1 thread"
        return Runner(run, each * updates, updates, self.mean, note=note)


def eager(problem: Problem, gpu: bool = False) -> Runner:
    """(i): perturb in place, cost, perturb back, cost, update."""
    bench = Bench(problem, gpu)
    leaves = list(bench.net.parameters())

    def update() -> None:
        x, y = bench.next()
        signs = [bench.signs(*leaf.shape) for leaf in leaves]
        for leaf, sign in zip(leaves, signs, strict=True):
            leaf.add_(sign, alpha=DELTA)
        up = bench.measure(bench.net(x), y)
        for leaf, sign in zip(leaves, signs, strict=True):
            leaf.add_(sign, alpha=-2 * DELTA)
        down = bench.measure(bench.net(x), y)
        slope = (float(up) - float(down)) / (2 * DELTA)
        for leaf, sign in zip(leaves, signs, strict=True):
            leaf.add_(sign, alpha=DELTA - problem.learning_rate * slope)

    return bench.runner(update, 2, 20 if problem.batch == 1 else 4)


def func_vmap(problem: Problem, gpu: bool = False) -> Runner:
    """(ii): K perturbed copies through `torch.func.vmap`."""
    bench, half = Bench(problem, gpu), problem.population // 2
    leaves = dict(bench.net.named_parameters())

    def cost(weights: dict, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return bench.measure(functional_call(bench.net, weights, (x,)), y)

    costs_of = vmap(cost, in_dims=(0, None, None))

    def update() -> None:
        x, y = bench.next()
        signs = {name: bench.signs(half, *p.shape) for name, p in leaves.items()}
        copies = {
            name: torch.cat([p + DELTA * signs[name], p - DELTA * signs[name]])
            for name, p in leaves.items()
        }
        costs = costs_of(copies, x, y)
        slopes = (costs[:half] - costs[half:]) / (2 * DELTA)
        for name, p in leaves.items():
            step = torch.tensordot(slopes, signs[name], 1)
            p.sub_(step, alpha=problem.learning_rate / half)

    return bench.runner(update, 2 * half, 1)
