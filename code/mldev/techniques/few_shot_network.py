"""The one small network that every learner of the chapter trains, the budget, and the descent they share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

BUDGET = 50_000  # images through a forward and a backward pass, per training
FEATURES = 512


def encoder(seed: int) -> nn.Sequential:
    """Three strided convolutions: an image becomes 512 features.

    The normalisation looks at one image at a time. Batch normalisation would mix the images of an episode, and so
    let a method learn from its unlabelled queries.
    """
    torch.manual_seed(seed)
    return nn.Sequential(  # (B, 1, 28, 28)
        nn.Conv2d(1, 16, 3, stride=2, padding=1),
        nn.GroupNorm(4, 16),
        nn.ReLU(),  # (B, 16, 14, 14)
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.GroupNorm(4, 32),
        nn.ReLU(),  # (B, 32, 7, 7)
        nn.Conv2d(32, 32, 3, stride=2, padding=1),
        nn.GroupNorm(4, 32),
        nn.ReLU(),  # (B, 32, 4, 4)
        nn.Flatten(),  # (B, 512)
    )


def descend(
    parameters: list[torch.Tensor],
    fill_gradients: Callable[[int], None],
    num_steps: int,
    learning_rate: float,
) -> None:
    """Adam, its step size falling to zero along half a cosine; `fill_gradients(i)` is called before step i."""
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for index in range(num_steps):
        optimizer.zero_grad()
        fill_gradients(index)
        optimizer.step()
        schedule.step()


@torch.no_grad()
def embed(model: nn.Module, images: torch.Tensor) -> np.ndarray:
    """Features of a whole pool: (classes, drawings, 1, size, size) -> (classes, drawings, features)."""
    parts = [model(part) for part in images.flatten(0, 1).split(128)]
    return torch.cat(parts).unflatten(0, images.shape[:2]).numpy()
