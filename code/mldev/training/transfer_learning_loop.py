"""The fine-tuning loop, by hand: layers that are frozen, and a learning rate for each of the others.

A model is a `Sequential` of layers, the last of which is the head. It is tuned with one rate per layer, and a rate of
zero freezes the layer. What is called a strategy in the chapter is no more than such a list of rates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

BATCH_SIZE = 40
MOMENTUM = 0.9


def fine_tune(
    model: nn.Sequential,
    rates: Sequence[float],
    inputs: torch.Tensor,
    labels: torch.Tensor,
    num_steps: int,
    seed: int,
    batch_size: int = BATCH_SIZE,
) -> list[float]:
    """Descend with momentum, each layer at its own rate, all rates falling to zero; return the losses."""
    frozen = freeze(model, rates)
    inputs = run(model[:frozen], inputs)  # the frozen front is computed only once
    rest = model[frozen:]
    moving = [
        (weight, rate)
        for layer, rate in zip(model, rates, strict=True)
        for weight in layer.parameters()
        if rate > 0
    ]
    velocities = [torch.zeros_like(weight) for weight, _ in moving]
    losses = []
    for step, rows in enumerate(batches(len(labels), num_steps, seed, batch_size)):
        loss = F.cross_entropy(rest(inputs[rows]), labels[rows])
        gradients = torch.autograd.grad(loss, [weight for weight, _ in moving])
        left = 1 - step / num_steps  # 1 at the first step, towards 0 at the last
        with torch.no_grad():
            for (weight, rate), velocity, gradient in zip(
                moving, velocities, gradients, strict=True
            ):
                velocity.mul_(MOMENTUM).add_(gradient)
                weight.sub_(rate * left * velocity)
        losses.append(float(loss.detach()))
    return losses


def freeze(model: nn.Sequential, rates: Sequence[float]) -> int:
    """Switch gradients off where the rate is zero; return how many layers at the front are frozen."""
    if len(rates) != len(model) or min(rates) < 0 or max(rates) <= 0:
        raise ValueError(
            f"rates {list(rates)}: expected one for each of the {len(model)} layers, none negative, not all zero"
        )
    for layer, rate in zip(model, rates, strict=True):
        layer.requires_grad_(rate > 0)
    return next(place for place, rate in enumerate(rates) if rate > 0)


def batches(
    num_rows: int, num_steps: int, seed: int, batch_size: int
) -> Iterator[np.ndarray]:
    """Rows of each step: all of them when they fit in a batch, else one shuffled pass after the other."""
    rng = np.random.default_rng(seed)
    if num_rows <= batch_size:
        yield from (np.arange(num_rows) for _ in range(num_steps))
        return
    per_pass = num_rows // batch_size
    for step in range(num_steps):
        place = step % per_pass
        if place == 0:
            order = rng.permutation(num_rows)
        yield order[place * batch_size : (place + 1) * batch_size]


@torch.no_grad()
def run(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """The model's outputs, without gradients and in parts that fit the processor's cache."""
    return torch.cat([model(part) for part in inputs.split(256)])


def accuracy(model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of inputs whose highest score is that of their label."""
    return float((run(model, inputs).argmax(dim=1) == labels).float().mean())


def matching_loss(
    ones: torch.Tensor, others: torch.Tensor, sharpness: float
) -> torch.Tensor:
    """Cross-entropy of finding, for each of one side, its own partner by the cosine: (B, D) and (B, D)."""
    cosines = F.normalize(ones) @ F.normalize(others).T  # (B, B)
    return F.cross_entropy(sharpness * cosines, torch.arange(len(ones)))
