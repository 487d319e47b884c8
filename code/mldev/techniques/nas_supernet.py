"""One network that holds every architecture: searched by paths (weight sharing), or by slopes (as in DARTS)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mldev.techniques.nas_network import (
    CHANNELS,
    Data,
    Network,
    batches,
    make_optimizer,
    multiply_adds,
    operation,
)
from mldev.techniques.nas_space import (
    EDGES,
    OPERATIONS,
    OUTPUT,
    Genotype,
    Graph,
    architectures,
    genotypes_of,
)

BATCH = 50


def one_hot(genotype: Genotype) -> Tensor:
    """The weights that leave one operation on each edge: (6, 4)."""
    chosen = torch.tensor([OPERATIONS.index(op) for op in genotype])
    return F.one_hot(chosen, len(OPERATIONS)).float()


@cache
def word_of(graph: Graph) -> Genotype:
    """The genotype by which the supernet runs an architecture: the first in the alphabet."""
    return genotypes_of()[graph][0]


class SuperCell(nn.Module):
    """A cell in which every edge carries all operations, mixed by `weights` (6, 4)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weights = torch.full((len(EDGES), len(OPERATIONS)), 1 / len(OPERATIONS))
        self.edges = nn.ModuleList(
            nn.ModuleDict({op: operation(op, channels) for op in OPERATIONS[1:]})
            for _ in EDGES
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C, H, W)
        nodes = [x] + [torch.zeros_like(x) for _ in range(OUTPUT)]
        for (start, end), edge, row in zip(
            EDGES, self.edges, self.weights, strict=True
        ):
            for weight, op in zip(row[1:], OPERATIONS[1:], strict=True):
                if weight.requires_grad or weight != 0:  # zero costs nothing
                    nodes[end] = nodes[end] + weight * edge[op](nodes[start])
        return nodes[OUTPUT]


class Supernet(Network):
    """The searched network with a `SuperCell`, and normalisation by the batch in hand."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        super().__init__((), CHANNELS)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):  # every path has other statistics
                module.track_running_stats = False
                module.running_mean = module.running_var = None

    def make_cell(self, graph: Graph, channels: int, groups: int) -> nn.Module:
        return SuperCell(channels)

    def run(self, weights: Tensor, X: Tensor) -> Tensor:
        """Outputs (B, 10) with the operations mixed by these weights."""
        self.cells[0].weights = weights
        return self(X)[:, 0]


def train_paths(data: Data, num_steps: int, seed: int) -> Supernet:
    """Weight sharing: each step trains one architecture, drawn at random, with the weights that all share."""
    torch.set_num_threads(1)
    net = Supernet(seed)
    rng = np.random.default_rng(seed)
    optimizer, schedule = make_optimizer(net.parameters(), num_steps)
    for X, y in _endless(data.X_train, data.y_train, num_steps, seed):
        graph = architectures()[int(rng.integers(len(architectures())))]
        loss = F.cross_entropy(net.run(one_hot(word_of(graph)), X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net


@torch.no_grad()
def path_scores(net: Supernet, data: Data, num_images: int) -> np.ndarray:
    """Validation accuracy of every architecture with the shared weights, on the first images."""
    X, y = data.X_valid[:num_images], data.y_valid[:num_images]
    right = [net.run(one_hot(word_of(g)), X).argmax(1) == y for g in architectures()]
    return torch.stack(right).double().mean(1).numpy()


def train_slopes(data: Data, num_steps: int, seed: int, rate: float = 0.1) -> Tensor:
    """Differentiable search, first order: weights learn from training images, the mixture from validation images.

    Returns the mixture's logits (6, 4).
    """
    torch.set_num_threads(1)
    net = Supernet(seed)
    generator = torch.Generator().manual_seed(seed)
    logits = 1e-3 * torch.randn(len(EDGES), len(OPERATIONS), generator=generator)
    logits.requires_grad_()
    optimizer, schedule = make_optimizer(net.parameters(), num_steps, 0.1)
    chooser = torch.optim.Adam([logits], rate, betas=(0.5, 0.999))
    train = _endless(data.X_train, data.y_train, num_steps, seed)
    valid = _endless(data.X_valid, data.y_valid, num_steps, seed + 1)
    for (X, y), (X_new, y_new) in zip(train, valid, strict=True):
        loss = F.cross_entropy(net.run(logits.softmax(1), X_new), y_new)
        logits.grad = torch.autograd.grad(loss, logits)[0]
        chooser.step()
        loss = F.cross_entropy(net.run(logits.detach().softmax(1), X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return logits.detach()


def slope_scores(logits: Tensor, with_none: bool = True) -> np.ndarray:
    """Logarithm of the weight that the mixture gives each architecture: its words' largest product of weights.

    Without `none`, only words that keep every edge count, as DARTS rounds; what has no such word scores -inf.
    """
    log_weights = logits.log_softmax(1).double().numpy()
    index = {op: i for i, op in enumerate(OPERATIONS)}
    rows = np.arange(len(EDGES))
    scores = []
    for graph in architectures():
        words = [w for w in genotypes_of()[graph] if with_none or "none" not in w]
        sums = [log_weights[rows, [index[op] for op in word]].sum() for word in words]
        scores.append(max(sums, default=-np.inf))
    return np.array(scores)


def training_cost(graph: Graph, num_train: int, num_epochs: int, num_valid: int) -> int:
    """Multiply-adds of one training with its validation; a backward pass counts as two forward passes."""
    return multiply_adds(graph) * (3 * num_train * num_epochs + num_valid)


def paths_cost(num_steps: int, num_images: int) -> float:
    """Mean multiply-adds of a search by paths: its steps, and one look at every architecture."""
    each = np.mean([multiply_adds(graph) for graph in architectures()])
    return float(each * (3 * num_steps * BATCH + num_images * len(architectures())))


def slopes_cost(num_steps: int) -> int:
    """Multiply-adds of a search by slopes: every operation on every edge, twice per step."""
    everything = tuple((s, e, op) for s, e in EDGES for op in OPERATIONS[1:])
    return multiply_adds(everything) * 2 * 3 * num_steps * BATCH


def _endless(
    X: Tensor, y: Tensor, num_steps: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """So many batches, in a new order after each pass."""
    num_epochs = -(-num_steps // (len(y) // BATCH))
    for i, (images, labels) in enumerate(batches(X, y, [seed], num_epochs, BATCH)):
        if i == num_steps:
            return
        yield images, labels[:, 0]
