"""From a graph to a trained network: stem, cells, averages, linear layer.

Small convolutions on a processor cost mostly overhead, so `train` trains the networks of several seeds side by side, as
groups of channels of one network: replica i has weights, images and gradients of its own, and learns what it would
have learned alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mldev import datasets
from mldev.techniques.nas_space import OPERATIONS, OUTPUT, Graph

NUM_CLASSES = 10
CHANNELS = 8
SIZE = 7  # pixels a side after the stem
FEATURES = 4  # averages per channel: one for each quarter of the image


@dataclass(frozen=True)
class Data:
    """MNIST at 14 x 14 pixels, cut once: images (N, 1, 14, 14) and labels (N,) of each part."""

    X_train: Tensor
    y_train: Tensor
    X_valid: Tensor
    y_valid: Tensor
    X_test: Tensor
    y_test: Tensor


@cache
def load_data(num_train: int = 1000, num_valid: int = 2000) -> Data:
    """Train, validation and test images; the test part is whatever remains of the 5,000."""
    images = datasets.load("mnist")
    X = F.avg_pool2d(torch.tensor(images.images)[:, None], 2)  # (5000, 1, 14, 14)
    y = torch.tensor(np.asarray(images.labels)).long()
    if not 0 < num_train + num_valid < len(y):
        raise ValueError(
            f"num_train, num_valid: {num_train}, {num_valid}; together between 1 and {len(y) - 1}"
        )
    order = torch.tensor(np.random.default_rng(0).permutation(len(y)))
    X, y = X[order], y[order]
    X = (X - X[:num_train].mean()) / X[:num_train].std()
    end = num_train + num_valid
    return Data(
        X[:num_train], y[:num_train], X[num_train:end], y[num_train:end], X[end:], y[end:]
    )  # fmt: skip


def operation(name: str, channels: int, groups: int = 1) -> nn.Module:
    """One operation of the space, for `groups` networks side by side."""
    if name not in OPERATIONS or name == "none":
        raise ValueError(f"operation: {name!r}; allowed: {', '.join(OPERATIONS[1:])}")
    if name == "skip":
        return nn.Identity()
    size = int(name[-1])
    wide = channels * groups
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(wide, wide, size, padding=size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(wide),
    )


class Cell(nn.Module):
    """A graph whose edges carry operations: each node is the sum of what enters it."""

    def __init__(self, graph: Graph, channels: int, groups: int = 1) -> None:
        super().__init__()
        self.graph = graph
        self.operations = nn.ModuleList(
            operation(op, channels, groups) for _, _, op in graph
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C, H, W)
        nodes = {0: x}
        for node in range(1, OUTPUT + 1):
            entering = [
                op(nodes[start])
                for (start, end, _), op in zip(self.graph, self.operations, strict=True)
                if end == node
            ]
            if entering:
                nodes[node] = sum(entering[1:], entering[0])
        return nodes.get(OUTPUT, torch.zeros_like(x))


class Network(nn.Module):
    """Stem, cells with halved resolution between them, averages over quarters, linear layer."""

    def __init__(
        self,
        graph: Graph,
        channels: int = CHANNELS,
        num_cells: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.groups = groups
        wide = channels * groups
        self.stem = nn.Sequential(
            nn.Conv2d(groups, wide, 3, stride=2, padding=1, groups=groups, bias=False),
            nn.BatchNorm2d(wide),
        )
        self.cells = nn.ModuleList(
            self.make_cell(graph, channels, groups) for _ in range(num_cells)
        )
        self.norm = nn.BatchNorm2d(wide)
        bound = (FEATURES * channels) ** -0.5
        self.head = nn.Parameter(
            torch.empty(groups, NUM_CLASSES, FEATURES * channels).uniform_(
                -bound, bound
            )
        )
        self.bias = nn.Parameter(torch.zeros(groups, NUM_CLASSES))

    def make_cell(self, graph: Graph, channels: int, groups: int) -> nn.Module:
        """The searched part; a supernet puts its own here."""
        return Cell(graph, channels, groups)

    def forward(self, x: Tensor) -> Tensor:  # (B, G, 14, 14) -> (B, G, 10)
        x = self.stem(x)  # (B, G * C, 7, 7)
        for i, cell in enumerate(self.cells):
            x = cell(F.avg_pool2d(x, 2, ceil_mode=True) if i else x)
        x = F.adaptive_avg_pool2d(F.relu(self.norm(x)), 2)  # (B, G * C, 2, 2)
        x = x.reshape(len(x), self.groups, -1)  # (B, G, 4 * C)
        return torch.einsum("bgc,gkc->bgk", x, self.head) + self.bias


def side_by_side(
    graph: Graph, seeds: Sequence[int], channels: int = CHANNELS, num_cells: int = 1
) -> Network:
    """One network that holds, as groups, the networks drawn from these seeds."""
    singles = []
    for seed in seeds:
        torch.manual_seed(seed)
        singles.append(dict(Network(graph, channels, num_cells).named_parameters()))
    network = Network(graph, channels, num_cells, groups=len(singles))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(torch.cat([single[name] for single in singles]))
    return network


def make_optimizer(
    parameters: Iterable[nn.Parameter], num_steps: int, learning_rate: float = 0.3
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Gradient descent with Nesterov momentum; the rate rises for a fifth of the steps, then falls to zero."""
    optimizer = torch.optim.SGD(parameters, learning_rate, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=num_steps + 1, pct_start=0.2
    )
    return optimizer, schedule


def batches(
    X: Tensor, y: Tensor, seeds: Sequence[int], num_epochs: int, size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of images (B, G, 14, 14) and labels (B, G): each seed has its own order of the images."""
    makers = [torch.Generator().manual_seed(seed) for seed in seeds]
    full = len(y) // size * size
    for _ in range(num_epochs):
        orders = [torch.randperm(len(y), generator=maker)[:full] for maker in makers]
        for chosen in torch.stack(orders, 1).split(size):  # (B, G)
            yield X[chosen, 0], y[chosen]


def train(
    graph: Graph,
    seeds: Sequence[int],
    data: Data,
    num_epochs: int = 4,
    batch_size: int = 50,
    channels: int = CHANNELS,
    num_cells: int = 1,
) -> Network:
    """Train one network per seed, side by side."""
    torch.set_num_threads(1)
    network = side_by_side(graph, seeds, channels, num_cells)
    num_steps = num_epochs * (len(data.y_train) // batch_size)
    optimizer, schedule = make_optimizer(network.parameters(), num_steps)
    for X, y in batches(data.X_train, data.y_train, seeds, num_epochs, batch_size):
        logits = network(X)  # (B, G, 10)
        loss = len(seeds) * F.cross_entropy(logits.flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def accuracy(network: Network, X: Tensor, y: Tensor) -> np.ndarray:
    """Share of images named correctly, one value per network side by side."""
    right = [
        network(part.expand(-1, network.groups, -1, -1)).argmax(2) == truth[:, None]
        for part, truth in zip(X.split(500), y.split(500), strict=True)
    ]
    return torch.cat(right).double().mean(0).numpy()


def num_parameters(graph: Graph, channels: int = CHANNELS, num_cells: int = 1) -> int:
    """Weights and biases of one network."""
    network = Network(graph, channels, num_cells)
    return sum(parameter.numel() for parameter in network.parameters())


def cell_multiply_adds(graph: Graph, channels: int = CHANNELS, size: int = SIZE) -> int:
    """Multiplications of a cell's convolutions for one image."""
    taps = sum(int(op[-1]) ** 2 for _, _, op in graph if op.startswith("conv"))
    return taps * channels**2 * size**2


def multiply_adds(graph: Graph, channels: int = CHANNELS) -> int:
    """Multiplications of all convolutions and the linear layer of a network with one cell, for one image."""
    stem = 9 * channels * SIZE**2
    head = FEATURES * channels * NUM_CLASSES
    return stem + cell_multiply_adds(graph, channels) + head
