"""Drawings that the training did not prepare for: turned queries, and digits written by people."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from mldev import datasets
from mldev.techniques.few_shot_episodes import Characters, Episodes, draw_episodes


def turned(images: torch.Tensor, degrees: float) -> torch.Tensor:
    """Every image of a pool turned counter-clockwise: (classes, drawings, 1, size, size)."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    flat = images.flatten(0, 1)
    turn = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0]]).expand(len(flat), 2, 3)
    grid = F.affine_grid(turn, list(flat.shape), align_corners=False)
    return F.grid_sample(flat, grid, align_corners=False).reshape(images.shape)


def handwritten(samples: int = 35) -> Characters:
    """The digits of MNIST as a pool of ten classes."""
    found = datasets.load("mnist")
    images = torch.stack(
        [torch.from_numpy(found.images[found.labels == d][:samples]) for d in range(10)]
    )
    names = tuple(f"DIGIT {d}" for d in range(10))
    digits = tuple(str(d) for d in range(10))
    return Characters(images[:, :, None], digits, names, ("digits",) * 10)


def turned_questions(
    pool: Characters, degrees: float, num_episodes: int = 100
) -> tuple[torch.Tensor, Episodes]:
    """5-way 1-shot episodes with upright examples and turned queries: the images, and positions among them.

    Of every fifth character only, to keep it short.
    """
    few = pool.only(range(0, len(pool), 5))
    asked = draw_episodes(few, num_episodes, ways=5, shots=1, queries=15, seed=8)
    images = torch.cat([few.images, turned(few.images, degrees)], dim=1)
    drawings = few.images.shape[1]
    return images, Episodes(asked.classes, asked.support, asked.query + drawings)


def digit_questions(digits: Characters, num_episodes: int = 200) -> Episodes:
    """5-way 1-shot episodes of handwritten digits."""
    return draw_episodes(digits, num_episodes, ways=5, shots=1, queries=15, seed=7)
