"""The one training loop of the chapter's networks, and the count by which they are given the same compute.

Chapter *Architectures*. Whatever the network, it is trained by Adam for a given number of steps, its step size
falling to zero along half a cosine.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def descend(
    model: nn.Module,
    loss_of: Callable[[Tensor], Tensor],
    num_rows: int,
    *,
    num_steps: int,
    learning_rate: float,
    batch_size: int = 64,
    seed: int = 0,
) -> nn.Module:
    """Train by Adam; `loss_of(rows)` is the loss of a batch, given as positions of training rows."""
    if num_rows < 1 or num_steps < 1:
        raise ValueError(
            f"num_rows, num_steps: expected at least 1, got {num_rows} and {num_steps}"
        )
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    model.train()
    left = torch.empty(0, dtype=torch.long)
    for _ in range(num_steps):
        if len(left) < min(batch_size, num_rows):
            left = torch.randperm(num_rows, generator=order)
        rows, left = left[:batch_size], left[batch_size:]
        optimizer.zero_grad()
        loss_of(rows).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def outputs(model: nn.Module, *inputs: Tensor, batch_size: int = 512) -> Tensor:
    """What a model answers, batch by batch."""
    model.eval()
    parts = zip(*(part.split(batch_size) for part in inputs), strict=True)
    return torch.cat([model(*part) for part in parts])


def accuracy(scores: Tensor, labels: Tensor) -> float:
    """The share of rows whose largest score is the right one."""
    return float((scores.argmax(dim=1) == labels).float().mean())


def width_for(cost: int, cost_of: Callable[[int], int], most: int = 2000) -> int:
    """The width at which a rival's multiply-adds come nearest to a cost."""
    return min(range(1, most), key=lambda width: abs(cost_of(width) - cost))
