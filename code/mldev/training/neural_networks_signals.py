"""How signals and gradients change on their way through many layers, before any training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mldev.training.neural_networks_fleet import (
    ACTIVATIONS,
    STARTS,
    Fleet,
    Tensor,
    cross_entropy,
    pick,
)

DEPTH, WIDTH = 30, 64
SATURATED = 0.025  # a slope below a tenth of the sigmoid's steepest


@dataclass(frozen=True)
class Passage:
    """What was measured in each hidden layer, one row for each start: (R, layers)."""

    signal: np.ndarray  # mean square of the sums
    spread: np.ndarray  # mean variance of a sum over the images
    weight_gradient: np.ndarray  # root mean square of the loss's gradient by weights
    sum_gradient: np.ndarray  # mean square of its gradient by the sums
    gain: np.ndarray  # n_in times the mean square of the weights
    slope: np.ndarray  # mean square of the activation's slope


def measure(
    activation: str,
    start: str,
    X: Tensor,
    y: Tensor,
    seeds: Sequence[int],
    depth: int = DEPTH,
    width: int = WIDTH,
) -> Passage:
    """One forward and one backward pass through fresh networks, in double precision.

    Parameters
    ----------
    X, y
        Images (N, n_in) and their labels.
    depth, width
        Hidden layers, and nodes in each.
    """
    sizes = [X.shape[1], *[width] * depth, int(y.max()) + 1]
    fleet = Fleet(sizes, activation, start, seeds, dtype=torch.float64)
    sums = fleet.layers(X.double())
    loss = cross_entropy(sums[-1], y.expand(len(seeds), -1)).sum()
    gradients = torch.autograd.grad(loss, [*sums, *fleet.weights])
    by_sums, by_weights = gradients[: len(sums)], gradients[len(sums) :]
    return Passage(
        signal=mean_squares(sums[:-1]),
        spread=mean_squares([z - z.mean(dim=1, keepdim=True) for z in sums[:-1]]),
        weight_gradient=np.sqrt(mean_squares(by_weights[:-1])),
        sum_gradient=mean_squares(by_sums[:-1]),
        gain=mean_squares(fleet.weights[:-1]) * np.array(sizes[:-2]),
        slope=mean_squares([slopes(activation, z) for z in sums[:-1]]),
    )


@torch.no_grad()
def likeness(
    activation: str,
    start: str,
    X: Tensor,
    seeds: Sequence[int],
    depth: int = DEPTH,
    width: int = WIDTH,
) -> np.ndarray:
    """How alike images look to the last hidden layer: the mean cosine between two of them, for each start."""
    fleet = Fleet([X.shape[1], *[width] * depth, 2], activation, start, seeds)
    sums = fleet.layers(X.float())[-2]
    sums = sums / sums.norm(dim=2, keepdim=True)
    cosines = sums @ sums.transpose(1, 2)
    pairs = len(X) * (len(X) - 1)
    total = cosines.sum((1, 2)) - len(X)  # without each image beside itself
    return (total / pairs).numpy()


def mean_squares(tensors: Sequence[Tensor]) -> np.ndarray:
    """The mean square of each run in each layer: (R, layers)."""
    return np.stack(
        [t.detach().square().mean(dim=(1, 2)).numpy() for t in tensors], axis=1
    )


def slopes(activation: str, z: Tensor) -> Tensor:
    """The activation's derivative at each sum; for softmax, that of each output by its own sum."""
    function = pick("activation", activation, ACTIVATIONS)
    if activation == "softmax":
        p = function(z.detach())
        return p * (1 - p)
    z = z.detach().requires_grad_()
    return torch.autograd.grad(function(z).sum(), z)[0]


def predicted_factor(passage: Passage) -> np.ndarray:
    """What the chapter's equation says of each step back: gain of a layer times slope of the layer before."""
    return passage.gain[:, 1:] * passage.slope[:, :-1]


def measured_factor(passage: Passage) -> np.ndarray:
    """How many times the gradient's mean square is as large one layer further back."""
    return passage.sum_gradient[:, :-1] / passage.sum_gradient[:, 1:]


def weight_variance(start: str, fan_in: int = WIDTH, fan_out: int = WIDTH) -> float:
    """The mean square that a start gives to the weights of a layer, by its definition."""
    pick("start", start, STARTS)
    return {
        "uniform_": 1 / 3,
        "normal, 0.01": 0.01**2,
        "PyTorch": 1 / (3 * fan_in),
        "nn.Linear": 1 / (3 * fan_in),
        "Xavier": 2 / (fan_in + fan_out),
        "He": 2 / fan_in,
    }[start]
