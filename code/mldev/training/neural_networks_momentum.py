"""Momentum on landscapes that one can draw: a line with two minima, a plane with a valley and a pit, and XOR."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from mldev.training.neural_networks_fleet import Fleet, Tensor, cross_entropy, train
from mldev.training.neural_networks_sgd import SGD

FAR = 6.0  # how far right the starts lie


def two_wells(w: Tensor) -> Tensor:
    """A loss of one weight with a shallow minimum on the right and a deep one on the left."""
    return w**2 / 20 - 1.2 * torch.exp(-((w + 1.5) ** 2)) - torch.exp(-((w - 1.5) ** 2))


@dataclass(frozen=True)
class Shape:
    """Where the line with two wells has its turning points, and how high the barrier stands."""

    deep: float
    barrier: float
    shallow: float
    height: float  # of the barrier
    rim: float  # right of the shallow well, as high as the barrier


def shape() -> Shape:
    """Find the turning points on a fine grid."""
    grid = torch.linspace(-FAR, FAR, 120_001, dtype=torch.float64)
    loss = two_wells(grid).numpy()
    inner = np.diff(np.sign(np.diff(loss))).nonzero()[0] + 1
    deep, barrier, shallow = inner
    right = grid[shallow:][loss[shallow:] >= loss[barrier]]
    places = [float(grid[i]) for i in (deep, barrier, shallow)]
    return Shape(*places, height=float(loss[barrier]), rim=float(right[0]))


def descend(
    loss: Callable[[Tensor], Tensor],
    starts: Tensor,
    learning_rate: float | Tensor,
    momentum: float | Tensor,
    num_steps: int,
) -> list[Tensor]:
    """The places after each step of gradient descent, the starts first; `loss` gives one value for each start."""
    place = starts.clone().requires_grad_()
    optimizer, path = SGD([place], learning_rate, momentum), [starts.clone()]
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss(place).sum().backward()
        optimizer.step()
        path.append(place.detach().clone())
    return path


def step_lengths(
    loss: Callable[[Tensor], Tensor], learning_rate: float, num_steps: int
) -> np.ndarray:
    """How far each step of gradient descent without momentum goes, for one weight that starts at one."""
    start = torch.ones(1, dtype=torch.float64)
    path = torch.cat(descend(loss, start, learning_rate, 0.0, num_steps))
    return path.diff().abs().numpy()


def escapes(
    settings: Sequence[tuple[float, float]],
    num_starts: int = 500,
    seed: int = 0,
    num_steps: int = 1000,
) -> tuple[np.ndarray, np.ndarray]:
    """Starts right of the barrier, and which of them end in the deep well.

    Parameters
    ----------
    settings
        Pairs of a learning rate and a momentum; all share the starts.

    Returns
    -------
    starts, escaped
        Shapes (starts,) and (settings, starts).
    """
    place = shape()
    starts = np.random.default_rng(seed).uniform(place.barrier, FAR, num_starts)
    rates, momenta = torch.tensor(settings, dtype=torch.float64).T[..., None]
    begin = torch.from_numpy(starts).repeat(len(settings), 1)
    ends = descend(two_wells, begin, rates, momenta, num_steps)[-1]
    return starts, ends.numpy() < place.barrier


def xor_solved(
    activation: str,
    settings: Sequence[tuple[float, float]],
    num_starts: int = 200,
    num_epochs: int = 500,
    hidden: int = 2,
) -> np.ndarray:
    """Whether networks with one hidden layer get all four answers of XOR right: (settings, starts).

    Parameters
    ----------
    settings
        Pairs of a learning rate and a momentum; all share the starts.
    hidden
        Nodes in the hidden layer.
    """
    X = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([0, 1, 1, 0])
    seeds = list(range(num_starts)) * len(settings)
    rates, momenta = np.repeat(settings, num_starts, axis=0).T
    fleet = Fleet([2, hidden, 2], activation, "PyTorch", seeds)
    train(
        fleet,
        X,
        y,
        torch.arange(4).expand(len(seeds), -1),
        seeds,
        cross_entropy,
        learning_rate=rates,
        momentum=momenta,
        num_epochs=num_epochs,
        batch_size=4,
    )
    with torch.no_grad():
        right = (fleet(X).argmax(-1) == y).all(1)
    return right.numpy().reshape(len(settings), num_starts)


def valley(place: Tensor) -> Tensor:
    """A valley that falls to the origin, with a pit on the way whose floor lies higher: (N, 2) -> (N,)."""
    x, y = place[..., 0], place[..., 1]
    pit = torch.exp(-((x + 2.2) ** 2 + 4 * y**2) / 0.5)
    return 0.05 * x**2 + 0.5 * y**2 - 0.17 * pit


def valley_paths(
    rates: Sequence[float],
    momenta: Sequence[float],
    start: Sequence[float] = (-5.0, 1.2),
    num_steps: int = 60,
) -> pd.DataFrame:
    """Gradient descent in the valley at all pairs of rate and momentum: places and losses, as one table."""
    settings = pd.MultiIndex.from_product([rates, momenta], names=["rate", "momentum"])
    rate, momentum = torch.tensor(list(settings), dtype=torch.float64).T[..., None]
    begin = torch.tensor([start] * len(settings), dtype=torch.float64)
    path = torch.stack(descend(valley, begin, rate, momentum, num_steps))
    parts = [
        pd.DataFrame(
            {"x": places[:, 0], "y": places[:, 1], "loss": valley(places)}
        ).assign(step=range(len(places)), rate=pair[0], momentum=pair[1])
        for pair, places in zip(settings, path.transpose(0, 1), strict=True)
    ]
    table = pd.concat(parts, ignore_index=True)
    table[["x", "y", "loss"]] = table[["x", "y", "loss"]].clip(-99, 99).round(3)
    return table
