"""Federated averaging by hand: clients with unlike data, local descent, and four ways to combine what they send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mldev.training.at_scale_network import CLASSES, Weights, flat, train

NUM_CLIENTS = 10
CLIENT_ROWS = 80
MAX_STEP = 3.0  # an update longer than this many median updates is not believed

Combine = Callable[[Weights, Weights, Tensor], Weights]


@dataclass(frozen=True)
class Clients:
    """Each client's own images: X (clients, rows, pixels), y (clients, rows)."""

    X: Tensor
    y: Tensor

    @property
    def sizes(self) -> Tensor:
        """How many images each client holds."""
        return torch.full((len(self.y),), self.y.shape[1], dtype=torch.float64)


def label_mixes(skew: float, num_clients: int, seed: int) -> np.ndarray:
    """A Dirichlet draw of class shares for each client: (clients, classes)."""
    if not skew > 0:
        raise ValueError(f"skew: {skew}; allowed: a concentration above 0")
    rng = np.random.default_rng([seed, 2])
    return rng.dirichlet(np.full(CLASSES, skew), size=num_clients)


def share_out(
    X: Tensor,
    y: Tensor,
    skew: float,
    seed: int,
    num_clients: int = NUM_CLIENTS,
    rows: int = CLIENT_ROWS,
) -> Clients:
    """Give every client equally many images, in class shares drawn by `label_mixes`; no image goes to two clients.

    A class that has run out is dealt no more, and the shares of the others grow in proportion.
    """
    if num_clients * rows > len(y):
        raise ValueError(
            f"num_clients x rows: {num_clients} x {rows}; allowed: at most the {len(y)} images there are"
        )
    mixes = (
        label_mixes(skew, num_clients, seed) + 1e-9
    )  # 1e-9: when all wanted classes have run out
    rng = np.random.default_rng([seed, 3])
    labels = y.numpy()
    piles = [list(rng.permutation(np.flatnonzero(labels == c))) for c in range(CLASSES)]
    dealt: list[list[int]] = [[] for _ in range(num_clients)]
    for _ in range(rows):
        for client, hand in enumerate(dealt):
            left = np.array([len(pile) > 0 for pile in piles]) * mixes[client]
            hand.append(piles[rng.choice(CLASSES, p=left / left.sum())].pop())
    where = torch.tensor(np.array(dealt))
    return Clients(X[where], y[where])


def sample_batches(
    num_steps: int, num_rows: int, size: tuple[int, ...], seed: int
) -> Tensor:
    """Rows of every step, with replacement: (num_steps, *size)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(num_rows, (num_steps, *size), generator=generator)


def average(local: Weights, weights: Weights, sizes: Tensor) -> Weights:
    """The mean of the clients' weights, each counted by the number of its images."""
    parts = sizes / sizes.sum()
    return {name: torch.tensordot(parts, w, dims=1) for name, w in local.items()}


def median(local: Weights, weights: Weights, sizes: Tensor) -> Weights:
    """The middle value of every single weight; between the two middle ones, their mean."""
    return trimmed_mean(local, weights, sizes, cut=(len(sizes) - 1) // 2)


def trimmed_mean(
    local: Weights, weights: Weights, sizes: Tensor, cut: int = 2
) -> Weights:
    """Of every single weight, leave out the `cut` lowest and highest values, and average the rest."""
    if not 0 <= 2 * cut < len(sizes):
        raise ValueError(
            f"cut: {cut}; allowed: less than half of the {len(sizes)} clients"
        )
    keep = slice(cut, len(sizes) - cut)
    return {name: w.sort(dim=0).values[keep].mean(dim=0) for name, w in local.items()}


def screened_average(local: Weights, weights: Weights, sizes: Tensor) -> Weights:
    """The mean of the updates that pass a check: all numbers finite, and not far longer than the others'."""
    steps = flat(local) - flat(weights)
    lengths = steps.norm(dim=1)
    finite = torch.isfinite(lengths)
    if not finite.any():
        return weights
    believed = finite & (lengths <= MAX_STEP * lengths[finite].median())
    kept = {name: w[believed] for name, w in local.items()}
    return average(kept, weights, sizes[believed])


def spread(weights: Weights, num_clients: int) -> Weights:
    """A copy of the weights for every client, along a new first axis."""
    return {name: w.expand(num_clients, *w.shape) for name, w in weights.items()}


def federated_averaging(
    weights: Weights,
    clients: Clients,
    batches: Tensor,
    local_steps: int,
    learning_rate: float,
    combine: Combine = average,
    tamper: Callable[[Weights, Weights], Weights] = lambda local, weights: local,
) -> list[Weights]:
    """Rounds of local training and averaging; returns the shared weights after every round.

    Parameters
    ----------
    weights
        Where all clients start.
    clients
        Their images.
    batches
        The rows of every client's every step: (steps, clients, batch).
    local_steps
        Steps that a client takes before it sends its weights.
    combine
        What the server does with them.
    tamper
        What happens to the clients' weights on the way to the server (it knows where they started); nothing,
        unless a client cheats.
    """
    if local_steps < 1 or len(batches) % local_steps:
        raise ValueError(
            f"local_steps: {local_steps}; allowed: a divisor of the {len(batches)} steps"
        )
    rounds = []
    for part in batches.split(local_steps):
        start = spread(weights, len(clients.y))
        local = train(start, clients.X, clients.y, part, learning_rate)
        weights = combine(tamper(local, weights), weights, clients.sizes)
        rounds.append(weights)
    return rounds
