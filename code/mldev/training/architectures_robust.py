"""Remedies against overfitting, each alone and together, on handwritten digits of which only a few are labelled.

Chapter *Architectures*. Every recipe gets the same labelled images and the same steps of the same optimiser. Early
stopping has to set some of its labels aside; it may stop before the others, never after.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from mldev import datasets
from mldev.training.architectures_training import accuracy, outputs

NUM_LABELLED, NUM_VALID, NUM_TEST = 200, 300, 900
HELD = 40  # of the labelled ones, where training is stopped early
NUM_STEPS, BATCH_SIZE, EVERY = 300, 20, 10
WRONG = 0.2  # share of the labels that are wrong, where labels are faulty
WORLDS = {"true labels": 0.0, "faulty labels": WRONG}
REMEDIES = ("dropout", "batch norm", "weight decay", "augmentation", "early stopping")


@dataclass(frozen=True)
class Recipe:
    """How to train: a learning rate, and the strength of each remedy; zero is without it.

    Attributes
    ----------
    dropout
        The chance of each hidden unit to be left out of a step.
    batch_norm
        1 standardises each channel over the batch.
    weight_decay
        By this share of the learning rate all weights shrink at each step.
    augmentation
        1 turns each image by up to 15 degrees and moves it by up to a pixel.
    patience
        Training stops after so many looks at the held-out labels without a lower loss.
    """

    learning_rate: float = 0.003
    dropout: float = 0.0
    batch_norm: int = 0
    weight_decay: float = 0.0
    augmentation: float = 0.0
    patience: int = 0

    def describe(self) -> str:
        """The learning rate and what is switched on, in a few words."""
        on = [
            f"{remedy} {getattr(self, field):g}"
            for remedy, field in FIELDS.items()
            if getattr(self, field)
        ]
        return ", ".join([f"rate {self.learning_rate:g}", *on])


FIELDS = dict(zip(REMEDIES, list(asdict(Recipe()))[1:], strict=True))
STRENGTHS = {
    "dropout": (0.25, 0.5, 0.75),
    "batch norm": (1,),
    "weight decay": (0.1, 0.3, 1.0),
    "augmentation": (0.5, 1.0, 1.5),
    "early stopping": (2, 4, 8),
}
LEARNING_RATES = {
    "true labels": (0.0003, 0.001, 0.003, 0.01),
    "faulty labels": (0.0003, 0.001, 0.003),
}
MORE_RATES = {("faulty labels", "batch norm"): (0.0001,)}  # its best was the lowest


@dataclass(frozen=True)
class Digits:
    """Images (N, 1, 8, 8) to learn from, to choose by and to be judged by."""

    X: Tensor
    y: Tensor
    X_valid: Tensor
    y_valid: Tensor
    X_test: Tensor
    y_test: Tensor


def split(seed: int, wrong: float) -> Digits:
    """Draw the labelled and the validation images; the test images are the same for every seed.

    The given share of the labels to learn from, and of those to choose by, is replaced by a wrong one.
    """
    if not 0 <= wrong < 1:
        raise ValueError(f"wrong: expected a share from 0 to below 1, got {wrong}")
    found = datasets.load("digits")
    X = torch.from_numpy(np.asarray(found.images, np.float32))[:, None]
    y = torch.from_numpy(np.asarray(found.labels, np.int64))
    pool, test = train_test_split(
        np.arange(len(y)), test_size=NUM_TEST, stratify=y, random_state=0
    )
    train, rest = train_test_split(
        pool, train_size=NUM_LABELLED, stratify=y[pool], random_state=seed
    )
    valid = rest[:NUM_VALID]
    rng = np.random.default_rng([seed, 1])
    told = y.numpy().copy()
    seen = np.concatenate([train, valid])
    faulty = seen[rng.random(len(seen)) < wrong]
    told[faulty] = (told[faulty] + rng.integers(1, 10, len(faulty))) % 10
    told = torch.from_numpy(told)
    return Digits(X[train], told[train], X[valid], told[valid], X[test], y[test])


def network(recipe: Recipe, seed: int) -> nn.Sequential:
    """Two convolutions and two linear layers; dropout and batch normalisation where the recipe asks for them."""
    torch.manual_seed(seed)

    def norm(layer: nn.Module) -> list[nn.Module]:
        return [layer] if recipe.batch_norm else []

    return nn.Sequential(  # (B, 1, 8, 8)
        nn.Conv2d(1, 16, 3, padding=1),
        *norm(nn.BatchNorm2d(16)),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (B, 16, 4, 4)
        nn.Conv2d(16, 32, 3, padding=1),
        *norm(nn.BatchNorm2d(32)),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (B, 32, 2, 2)
        nn.Flatten(),  # (B, 128)
        nn.Dropout(recipe.dropout),
        nn.Linear(128, 64),
        *norm(nn.BatchNorm1d(64)),
        nn.ReLU(),
        nn.Dropout(recipe.dropout),
        nn.Linear(64, 10),
    )


def augmented(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Each image turned, scaled and moved a little, at random."""
    num, size = len(images), images.shape[-1]
    draws = 2 * torch.rand(num, 4, generator=generator) - 1
    angle = strength * np.deg2rad(15) * draws[:, 0]
    scale = 1 + 0.1 * strength * draws[:, 1]
    where = torch.zeros(num, 2, 3)
    where[:, 0, 0], where[:, 0, 1] = scale * angle.cos(), -scale * angle.sin()
    where[:, 1, 0], where[:, 1, 1] = scale * angle.sin(), scale * angle.cos()
    where[:, :, 2] = strength * (2 / size) * draws[:, 2:]  # one pixel
    grid = nn.functional.affine_grid(where, images.shape, align_corners=False)
    return nn.functional.grid_sample(images, grid, align_corners=False)


@dataclass(frozen=True)
class Trained:
    """A trained network, the steps it took, and the loss on the held-out labels at each look (if it looked)."""

    model: nn.Module
    num_steps: int
    looks: tuple[float, ...]


def train(recipe: Recipe, X: Tensor, y: Tensor, seed: int) -> Trained:
    """Train by a recipe on labelled images."""
    model = network(recipe, seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    order = torch.Generator().manual_seed(seed)
    held = HELD if recipe.patience else 0
    X_held, y_held, X, y = X[:held], y[:held], X[held:], y[held:]
    best, looks, left = None, [], torch.empty(0, dtype=torch.long)
    for step in range(1, NUM_STEPS + 1):
        model.train()
        if len(left) < BATCH_SIZE:
            left = torch.randperm(len(X), generator=order)
        rows, left = left[:BATCH_SIZE], left[BATCH_SIZE:]
        images = X[rows]
        if recipe.augmentation:
            images = augmented(images, recipe.augmentation, order)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), y[rows]).backward()
        optimizer.step()
        if held and step % EVERY == 0:
            loss = nn.functional.cross_entropy(outputs(model, X_held), y_held)
            looks.append(float(loss))
            since = len(looks) - 1 - int(np.argmin(looks))
            if since == 0:
                best = deepcopy(model.state_dict())
            if since >= recipe.patience:
                break
    if best is not None:
        model.load_state_dict(best)
    return Trained(model.eval(), step, tuple(looks))


def without(recipe: Recipe, remedy: str) -> Recipe:
    """The recipe with one remedy left out."""
    return replace(recipe, **{FIELDS[remedy]: type(getattr(recipe, FIELDS[remedy]))(0)})


def recipe_row(row: dict) -> dict:
    """One training by one recipe, in one world: what it gets right."""
    torch.set_num_threads(1)
    data = split(row["seed"], WORLDS[row["world"]])
    recipe = Recipe(**{name: row[name] for name in asdict(Recipe())})
    done = train(recipe, data.X, data.y, row["seed"])
    fitted = accuracy(outputs(done.model, data.X), data.y)
    return {
        "train": round(fitted, 6),
        "valid": round(accuracy(outputs(done.model, data.X_valid), data.y_valid), 6),
        "test": round(accuracy(outputs(done.model, data.X_test), data.y_test), 6),
    }
