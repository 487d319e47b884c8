"""What few-shot methods have to beat: ordinary classification as pre-training, and three simple heads.

A head looks at features only, and at all episodes of a set at once. With raw pixels as features it is a baseline
without any learning.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from mldev.techniques.few_shot_episodes import Characters, Episodes
from mldev.techniques.few_shot_network import BUDGET, FEATURES, descend, encoder

LEARNING_RATE = 0.003
BATCH_SIZE = 64
SCALE = 20.0  # of the cosines that its last layer gives
CHUNK = 100  # episodes that the probe fits at once
STRENGTH = 10.0  # of the linear probe: the inverse of its penalty


def train_classifier(
    pool: Characters,
    seed: int,
    budget: int = BUDGET,
    learning_rate: float = LEARNING_RATE,
) -> nn.Module:
    """Train the encoder to tell all classes of the pool apart, and return it without its last layer.

    A class scores the cosine between its weights and the features: their direction matters, their length does not.
    """
    model = encoder(seed)
    last = nn.Parameter(torch.randn(len(pool), FEATURES))
    images, drawings = pool.images.flatten(0, 1), pool.images.shape[1]
    rng = np.random.default_rng(seed)
    epochs = range(-(-budget // len(images)))
    order = np.concatenate([rng.permutation(len(images)) for _ in epochs])

    def fill_gradients(index: int) -> None:
        rows = order[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
        labels = torch.from_numpy(rows // drawings)
        cosines = F.normalize(model(images[rows])) @ F.normalize(last).T
        F.cross_entropy(SCALE * cosines, labels).backward()

    parameters = [*model.parameters(), last]
    descend(parameters, fill_gradients, budget // BATCH_SIZE, learning_rate)
    return model


def pixels(images: torch.Tensor) -> np.ndarray:
    """The images themselves as features: (classes, drawings, 784)."""
    return images.flatten(2).numpy()


def unit(features: np.ndarray) -> np.ndarray:
    """Features scaled to length 1."""
    return features / np.linalg.norm(features, axis=-1, keepdims=True)


def nearest_prototype(features: np.ndarray, episodes: Episodes) -> np.ndarray:
    """Predict the class with the nearest mean: (E, N, Q) positions among the N classes."""
    support, query = episodes.of(features)
    centres = support.mean(axis=2)  # (E, N, D)
    products = query @ centres[:, None].swapaxes(2, 3)  # (E, N, Q, N)
    squares = (centres**2).sum(axis=-1)[:, None, None]
    return (squares - 2 * products).argmin(axis=-1)


def nearest_neighbour(features: np.ndarray, episodes: Episodes) -> np.ndarray:
    """Predict the class of the single nearest example: (E, N, Q)."""
    support, query = episodes.of(features)
    shots = support.shape[2]
    examples = support.reshape(len(episodes), 1, -1, features.shape[-1])
    products = query @ examples.swapaxes(2, 3)  # (E, N, Q, N * K)
    squares = (examples**2).sum(axis=-1)[:, :, None]
    return (squares - 2 * products).argmin(axis=-1) // shots


def linear_probe(
    features: np.ndarray,
    episodes: Episodes,
    strength: float = STRENGTH,
    num_steps: int = 300,
) -> np.ndarray:
    """Predict with a logistic regression fitted to each episode's examples: (E, N, Q)."""
    scaled, answers = unit(features), []
    labels = np.repeat(np.eye(episodes.ways), episodes.support.shape[2], axis=0)
    for first in range(0, len(episodes), CHUNK):
        support, query = episodes[first : first + CHUNK].of(scaled)
        examples = support.reshape(len(support), len(labels), -1)  # (E, M, D)
        weights = fit_logistic(examples.astype(float), labels, strength, num_steps)
        products = query @ weights[:, None].swapaxes(2, 3)  # (E, N, Q, N)
        answers.append(products.argmax(axis=-1))
    return np.concatenate(answers)


def fit_logistic(
    examples: np.ndarray, labels: np.ndarray, strength: float, num_steps: int
) -> np.ndarray:
    """Minimise cross-entropy + |W|^2 / (2 strength) for many problems at once, by accelerated descent.

    The best weights are a mixture of the examples, W = A X, so the descent is over the few numbers of A.

    Parameters
    ----------
    examples
        (E, M, D), of length 1.
    labels
        (M, N), a one in each row.
    """
    gram = examples @ examples.swapaxes(1, 2)  # (E, M, M)
    curvature = 0.5 * np.linalg.eigvalsh(gram)[:, -1].max() + 1 / strength
    root = np.sqrt(1 / (strength * curvature))
    momentum = (1 - root) / (1 + root)
    mixture = ahead = np.zeros((len(gram), *labels.shape))  # (E, M, N)
    for _ in range(num_steps):
        scores = gram @ ahead
        share = np.exp(scores - scores.max(axis=-1, keepdims=True))
        share /= share.sum(axis=-1, keepdims=True)
        step = ahead - (share - labels + ahead / strength) / curvature
        ahead = step + momentum * (step - mixture)
        mixture = step
    return mixture.swapaxes(1, 2) @ examples


def accuracies(predicted: np.ndarray) -> np.ndarray:
    """The share of right answers in each episode: (E, N, Q) -> (E,)."""
    truth = np.arange(predicted.shape[1])[None, :, None]
    return (predicted == truth).mean(axis=(1, 2))
