"""Many networks of one shape, trained side by side: how the chapter affords its repetitions.

All weights of a layer lie in one tensor with the runs in front: (R, n_in, n_out). Each run has its own start, its own
split, its own order of batches, its own learning rate and momentum, and the sum of the losses gives each run just the
gradients that it would have had alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy

import torch
from torch import nn
from torch.nn import functional as F

from mldev.training.neural_networks_sgd import SGD

torch.set_num_threads(1)
Tensor = torch.Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda z: torch.softmax(z, dim=-1),
    "ReLU": torch.relu,
    "leaky ReLU": lambda z: F.leaky_relu(z, 0.01),
}


def as_linear(weight: Tensor, generator: torch.Generator) -> None:
    """The range that `nn.Linear` draws from by default: one over the root of the inputs."""
    nn.init.kaiming_uniform_(weight, a=5**0.5, generator=generator)


# "PyTorch" takes the library's weights alone, "nn.Linear" its biases too; all others start with biases of zero.
STARTS: dict[str, Callable[..., object]] = {
    "uniform_": nn.init.uniform_,
    "normal, 0.01": lambda w, generator: nn.init.normal_(
        w, std=0.01, generator=generator
    ),
    "PyTorch": as_linear,
    "nn.Linear": as_linear,
    "Xavier": nn.init.xavier_normal_,
    "He": lambda w, generator: nn.init.kaiming_normal_(
        w, nonlinearity="relu", generator=generator
    ),
}


class Fleet:
    """Networks of the same layer sizes, one for each seed.

    Parameters
    ----------
    sizes
        Inputs, nodes of each hidden layer, outputs.
    activation, start
        Names from `ACTIVATIONS` and `STARTS`.
    seeds
        One for each network; it decides the network's first weights. Biases start at zero, except with the start
        "nn.Linear", which draws them from the range of the weights.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str,
        start: str,
        seeds: Sequence[int],
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.activation = pick("activation", activation, ACTIVATIONS)
        draw = pick("start", start, STARTS)
        shapes = list(zip(sizes, sizes[1:], strict=False))
        self.weights = [torch.empty(len(seeds), *s, dtype=dtype) for s in shapes]
        self.biases = [torch.zeros_like(w[:, :1]) for w in self.weights]
        for run, seed in enumerate(seeds):
            generator = torch.Generator().manual_seed(int(seed))
            for weights, (n_in, n_out) in zip(self.weights, shapes, strict=True):
                drawn = torch.empty(n_out, n_in, dtype=dtype)
                draw(drawn, generator=generator)
                weights[run] = drawn.T
            if start == "nn.Linear":
                for biases, (n_in, _) in zip(self.biases, shapes, strict=True):
                    reach = n_in**-0.5
                    nn.init.uniform_(biases[run], -reach, reach, generator=generator)
        for parameter in self.parameters():
            parameter.requires_grad_()

    def parameters(self) -> list[Tensor]:
        return [*self.weights, *self.biases]

    def copies(self, times: int) -> Fleet:
        """The same networks several times over, as they are now: all runs, then all again."""
        other = copy(self)
        for name in ("weights", "biases"):
            values = [w.detach().repeat(times, 1, 1) for w in getattr(self, name)]
            setattr(other, name, [v.requires_grad_() for v in values])
        return other

    def layers(self, X: Tensor) -> list[Tensor]:
        """The sums of every layer before its activation, the outputs last: (R, B, n) each."""
        signal, sums = X, []
        for weights, biases in zip(self.weights, self.biases, strict=True):
            sums.append(signal @ weights + biases)
            signal = self.activation(sums[-1])
        return sums

    def __call__(self, X: Tensor) -> Tensor:
        """The outputs: (B, n_in) or (R, B, n_in) -> (R, B, n_out)."""
        return self.layers(X)[-1]


def pick(argument: str, name: str, table: dict) -> Callable:
    """The entry of a table, or one clear error."""
    if name not in table:
        raise ValueError(
            f"{argument} {name!r}: expected one of {', '.join(map(repr, table))}"
        )
    return table[name]


def cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of each run: (R, B, K), (R, B) -> (R,)."""
    chosen = F.log_softmax(outputs, -1).gather(-1, labels[..., None])
    return -chosen.mean(dim=(1, 2))


def squared_after_softmax(outputs: Tensor, labels: Tensor) -> Tensor:
    """Squared distance of the probabilities to the one-hot label, mean of each run."""
    aim = F.one_hot(labels, outputs.shape[-1])
    return ((outputs.softmax(-1) - aim) ** 2).sum(-1).mean(1)


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error of each run: (R, B, 1), (R, B) -> (R,)."""
    return ((outputs[..., 0] - targets) ** 2).mean(1)


def absolute(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error of each run."""
    return (outputs[..., 0] - targets).abs().mean(1)


CLASS_LOSSES = {
    "cross-entropy": cross_entropy,
    "L2 after softmax": squared_after_softmax,
}


def column(values: float | Sequence[float]) -> Tensor:
    """One number for all runs, or one for each, in a shape that fits the weights."""
    return torch.as_tensor(values, dtype=torch.float32).reshape(-1, 1, 1)


def train(
    fleet: Fleet,
    X: Tensor,
    y: Tensor,
    rows: Tensor,
    seeds: Sequence[int],
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    learning_rate: float | Sequence[float],
    momentum: float | Sequence[float] = 0.0,
    num_epochs: int = 10,
    batch_size: int = 50,
) -> Fleet:
    """Train all networks of a fleet in place.

    Parameters
    ----------
    X, y
        All examples (N, n_in) and their labels or targets (N,); with a leading axis R where the runs' own differ.
    rows
        The training rows of each run: (R, n).
    seeds
        One for each run; it decides the order of its batches.
    loss
        Gives the mean loss of each run.
    """
    optimizer = SGD(fleet.parameters(), column(learning_rate), column(momentum))
    runs = torch.arange(len(rows))[:, None]
    X = X if X.ndim == 3 else X.expand(len(rows), -1, -1)
    targets = y if y.ndim == 2 else y.expand(len(rows), -1)
    shuffles = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    for _ in range(num_epochs):
        order = torch.stack(
            [torch.randperm(rows.shape[1], generator=g) for g in shuffles]
        )
        for batch in rows.gather(1, order).split(batch_size, dim=1):
            optimizer.zero_grad()
            loss(fleet(X[runs, batch]), targets[runs, batch]).sum().backward()
            optimizer.step()
    return fleet


@torch.no_grad()
def accuracy(fleet: Fleet, X: Tensor, y: Tensor, rows: Tensor) -> Tensor:
    """The share of these rows that each run gets right; a run that left the numbers behind is wrong: (R,)."""
    outputs = fleet(X[rows])
    right = (outputs.argmax(-1) == y[rows]) & outputs.isfinite().all(-1)
    return right.double().mean(1)
