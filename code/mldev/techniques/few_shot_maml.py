"""MAML: learn the weights from which a few steps of gradient descent on a few examples lead far.

`adapt` is the inner loop, `query_loss` the outer one. `torch.func` differentiates the second through the first, and
does so for a batch of tasks at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, vmap

from mldev.techniques.few_shot_episodes import Characters, Episodes, draw_episodes
from mldev.techniques.few_shot_network import BUDGET, FEATURES, descend, encoder

LEARNING_RATE = 0.01
NUM_STEPS, RATE = 3, 0.005  # of the inner loop
WAYS, SHOTS, QUERIES, TASKS = 5, 1, 3, 8  # of the episodes it trains on

Weights = dict[str, torch.Tensor]
MODEL = encoder(0)  # the network's form; its weights are always passed in


def start(meta: Weights, ways: int) -> Weights:
    """The weights at which an episode begins: the learned encoder, and a last layer of zeros."""
    like = next(iter(meta.values()))
    return {**meta, "last": like.new_zeros(ways, FEATURES)}


def scores(weights: Weights, images: torch.Tensor) -> torch.Tensor:
    """Class scores of some images: (B, 1, H, W) -> (B, N)."""
    inner = {name: w for name, w in weights.items() if name != "last"}
    return functional_call(MODEL, inner, (images,)) @ weights["last"].T


def loss(weights: Weights, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy."""
    return F.cross_entropy(scores(weights, images), labels)


def adapt(
    weights: Weights,
    images: torch.Tensor,
    labels: torch.Tensor,
    num_steps: int,
    rate: float,
) -> Weights:
    """The inner loop: plain gradient descent on the support set, as a function that can be differentiated."""
    for _ in range(num_steps):
        slope = grad(loss)(weights, images, labels)
        weights = {name: w - rate * slope[name] for name, w in weights.items()}
    return weights


def query_loss(
    meta: Weights,
    support: torch.Tensor,
    query: torch.Tensor,
    num_steps: int,
    rate: float,
) -> torch.Tensor:
    """The outer loss of one episode: support (N, K, ...), query (N, Q, ...)."""
    ways = len(support)
    adapted = adapt(
        start(meta, ways), *labelled(support), num_steps=num_steps, rate=rate
    )
    return loss(adapted, *labelled(query))


def second_order(
    meta: Weights,
    support: torch.Tensor,
    query: torch.Tensor,
    num_steps: int,
    rate: float,
) -> Weights:
    """The gradient of the outer loss, through every inner step."""
    return grad(query_loss)(meta, support, query, num_steps, rate)


def first_order(
    meta: Weights,
    support: torch.Tensor,
    query: torch.Tensor,
    num_steps: int,
    rate: float,
) -> Weights:
    """The gradient at the adapted weights, taken as if these did not depend on the start."""
    begin = start(meta, len(support))
    adapted = adapt(begin, *labelled(support), num_steps=num_steps, rate=rate)
    slope = grad(loss)(adapted, *labelled(query))
    return {name: slope[name] for name in meta}


def labelled(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (N, K, ...) as a batch (N * K, ...) with its labels."""
    labels = torch.arange(images.shape[0]).repeat_interleave(images.shape[1])
    return images.flatten(0, 1), labels


def image_passes(order: int, num_steps: int = NUM_STEPS) -> int:
    """Images through a forward and a backward pass in one training episode.

    Each inner step passes the support once; the second order goes back through that step, which is one pass more.
    """
    return WAYS * (SHOTS * num_steps * order + QUERIES)


def train_maml(
    pool: Characters,
    seed: int,
    order: int = 2,
    num_episodes: int | None = None,
    learning_rate: float = LEARNING_RATE,
    num_steps: int = NUM_STEPS,
    rate: float = RATE,
) -> nn.Module:
    """Meta-train an encoder; without `num_episodes`, until the budget of images is spent.

    Parameters
    ----------
    order
        2 for the gradient through the inner loop, 1 for the first-order variant.
    """
    gradients: dict[int, Callable] = {1: first_order, 2: second_order}
    if order not in gradients:
        raise ValueError(f"order {order}: expected 1 or 2")
    num_episodes = num_episodes or BUDGET // image_passes(order, num_steps)
    episodes = draw_episodes(pool, num_episodes, WAYS, SHOTS, QUERIES, seed)
    model = encoder(seed)
    meta = dict(model.named_parameters())
    gradient = partial(gradients[order], num_steps=num_steps, rate=rate)
    batched = vmap(gradient, in_dims=(None, 0, 0))

    def fill_gradients(index: int) -> None:
        tasks = episodes[index * TASKS : (index + 1) * TASKS].of(pool.images)
        slopes = batched({name: w.detach() for name, w in meta.items()}, *tasks)
        for name, weight in meta.items():
            weight.grad = slopes[name].mean(dim=0)

    descend(list(meta.values()), fill_gradients, num_episodes // TASKS, learning_rate)
    return model


def predict_adapted(
    model: nn.Module,
    images: torch.Tensor,
    episodes: Episodes,
    num_steps: int = NUM_STEPS,
    rate: float = RATE,
    chunk_size: int = 10,
) -> np.ndarray:
    """Adapt to each episode's examples, then classify its queries: (E, N, Q)."""
    meta = {name: w.detach() for name, w in model.named_parameters()}

    def answer(support: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
        begin = start(meta, episodes.ways)
        adapted = adapt(begin, *labelled(support), num_steps=num_steps, rate=rate)
        return scores(adapted, query.flatten(0, 1)).argmax(dim=-1)

    parts = [
        vmap(answer)(*episodes[i : i + chunk_size].of(images))
        for i in range(0, len(episodes), chunk_size)
    ]
    return torch.cat(parts).reshape(episodes.query.shape).numpy()


def follow(
    model: nn.Module,
    images: torch.Tensor,
    episodes: Episodes,
    num_steps: int,
    rate: float,
    chunk_size: int = 10,
) -> np.ndarray:
    """Accuracy and loss on the queries before and after every inner step: (2, E, steps + 1)."""
    meta = {name: w.detach() for name, w in model.named_parameters()}

    def one(support: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
        weights, found = start(meta, episodes.ways), []
        asked, labels = labelled(query)
        for step in range(num_steps + 1):
            if step:
                weights = adapt(weights, *labelled(support), num_steps=1, rate=rate)
            given = scores(weights, asked)
            right = (given.argmax(dim=-1) == labels).float().mean()
            found.append(torch.stack([right, F.cross_entropy(given, labels)]))
        return torch.stack(found)

    parts = [
        vmap(one)(*episodes[i : i + chunk_size].of(images))
        for i in range(0, len(episodes), chunk_size)
    ]
    return torch.cat(parts).numpy().transpose(2, 0, 1)
