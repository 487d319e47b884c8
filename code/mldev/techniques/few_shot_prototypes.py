"""Prototypical networks: a class is the mean of its examples, in a space learned so that this works."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from mldev.techniques.few_shot_episodes import Characters, draw_episodes
from mldev.techniques.few_shot_network import BUDGET, descend, encoder

LEARNING_RATE = 0.01
WAYS, SHOTS, QUERIES = 60, 1, 2  # of the episodes it trains on


def prototypes(support: torch.Tensor) -> torch.Tensor:
    """The mean of each class: (..., N, K, D) -> (..., N, D)."""
    return support.mean(dim=-2)


def closeness(queries: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Minus the squared distance over the root of the dimension: (..., M, D), (..., N, D) -> (..., M, N)."""
    products = queries @ centres.transpose(-1, -2)  # (..., M, N)
    squares = (
        queries.square().sum(-1)[..., None] + centres.square().sum(-1)[..., None, :]
    )
    return (2 * products - squares) / queries.shape[-1] ** 0.5


def episode_loss(
    model: nn.Module, support: torch.Tensor, query: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of the queries of one episode: support (N, K, 1, H, W), query (N, Q, 1, H, W)."""
    ways, shots = support.shape[:2]
    images = torch.cat([support.flatten(0, 1), query.flatten(0, 1)])
    features = model(images)  # one pass for all
    centres = prototypes(features[: ways * shots].unflatten(0, (ways, shots)))
    labels = torch.arange(ways).repeat_interleave(query.shape[1])
    return F.cross_entropy(closeness(features[ways * shots :], centres), labels)


def train_prototypes(
    pool: Characters,
    seed: int,
    budget: int = BUDGET,
    learning_rate: float = LEARNING_RATE,
    ways: int = WAYS,
    shots: int = SHOTS,
    queries: int = QUERIES,
) -> nn.Module:
    """Train an encoder on episodes of the pool until the budget of images is spent."""
    model = encoder(seed)
    num_episodes = budget // (ways * (shots + queries))
    episodes = draw_episodes(pool, num_episodes, ways, shots, queries, seed)

    def fill_gradients(index: int) -> None:
        support, query = episodes[index : index + 1].of(pool.images)
        episode_loss(model, support[0], query[0]).backward()

    descend(list(model.parameters()), fill_gradients, num_episodes, learning_rate)
    return model
