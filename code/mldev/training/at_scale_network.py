"""The one network of the chapter and its descent.

The weights are a dict of tensors under the names that `torch.nn.Sequential` gives them. All functions take leading
axes: with weights of shape (clients, ...) and images of shape (clients, batch, pixels), one matrix product trains all
clients side by side, each on its own images.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

torch.set_num_threads(1)

Weights = dict[str, Tensor]
PIXELS, HIDDEN, CLASSES = 64, 32, 10
NEVER = -1e9  # the score of an answer that may not be given


def network(
    seed: int, pixels: int = PIXELS, hidden: int = HIDDEN, classes: int = CLASSES
) -> nn.Sequential:
    """Two layers in double precision, so that comparisons are not about rounding."""
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, classes)
    ).double()
    with torch.no_grad():
        for layer in (model[0], model[2]):
            bound = layer.in_features**-0.5
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.zero_()
    return model


def initial_weights(seed: int, *sizes: int) -> Weights:
    """The weights of `network`, as a dict."""
    return {
        name: w.detach().clone() for name, w in network(seed, *sizes).named_parameters()
    }


def scores(weights: Weights, X: Tensor) -> Tensor:
    """What the network says: (..., batch, pixels) -> (..., batch, classes)."""
    hidden = X @ weights["0.weight"].mT + weights["0.bias"].unsqueeze(-2)
    return torch.relu(hidden) @ weights["2.weight"].mT + weights["2.bias"].unsqueeze(-2)


def mean_loss(weights: Weights, X: Tensor, y: Tensor) -> Tensor:
    """The cross-entropy per image, averaged over each batch: one number per leading index."""
    chances = torch.log_softmax(scores(weights, X), dim=-1)
    return -chances.gather(-1, y.unsqueeze(-1)).squeeze(-1).mean(dim=-1)


def gradients(
    weights: Weights, X: Tensor, y: Tensor, allowed: Tensor | None = None
) -> Weights:
    """The gradient of the mean loss, one per leading index, by the chain rule.

    `allowed` (..., batch, classes) is true for the answers that may be given; left out, all of them.
    """
    hidden = X @ weights["0.weight"].mT + weights["0.bias"].unsqueeze(-2)
    hidden.relu_()  # (..., B, H)
    found = hidden @ weights["2.weight"].mT + weights["2.bias"].unsqueeze(-2)
    if allowed is not None:
        found.masked_fill_(~allowed, NEVER)
    back = torch.softmax(found, dim=-1)  # (..., B, C)
    back.scatter_add_(-1, y.unsqueeze(-1), -torch.ones_like(back[..., :1]))
    back /= y.shape[-1]  # the derivative of the loss by the scores
    back_hidden = (back @ weights["2.weight"]) * (hidden > 0)  # (..., B, H)
    return {
        "0.weight": back_hidden.mT @ X,
        "0.bias": back_hidden.sum(dim=-2),
        "2.weight": back.mT @ hidden,
        "2.bias": back.sum(dim=-2),
    }


def descend(weights: Weights, slope: Weights, learning_rate: float) -> Weights:
    """One step downhill."""
    return {name: w - learning_rate * slope[name] for name, w in weights.items()}


def train(
    weights: Weights, X: Tensor, y: Tensor, batches: Tensor, learning_rate: float
) -> Weights:
    """Gradient descent over given batches: (steps, batch), or (steps, clients, batch) for all clients at once."""
    for rows in batches:
        if rows.ndim == 1:
            slope = gradients(weights, X[rows], y[rows])
        else:
            client = torch.arange(len(rows)).unsqueeze(1)
            slope = gradients(weights, X[client, rows], y[client, rows])
        weights = descend(weights, slope, learning_rate)
    return weights


def accuracy(weights: Weights, X: Tensor, y: Tensor) -> float:
    """The share of images read rightly. A network whose weights are not numbers reads none."""
    found = scores(weights, X)
    finite = torch.isfinite(found).all(dim=-1)
    return float(((found.argmax(dim=-1) == y) & finite).double().mean())


def flat(weights: Weights) -> Tensor:
    """All numbers of a dict in one row: (..., numbers)."""
    first = next(iter(weights.values()))
    lead = first.ndim - 2  # the first entry is a matrix
    return torch.cat([w.flatten(lead) for w in weights.values()], dim=-1)


def largest_difference(a: Weights, b: Weights) -> float:
    """How far two networks are apart, in their worst weight."""
    return max(float((a[name] - b[name]).abs().max()) for name in a)
