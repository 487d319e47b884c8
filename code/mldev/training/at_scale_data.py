"""The data of the chapter: digits for the machines and the clients, letters of several scripts for the tasks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from mldev import datasets
from mldev.training.at_scale_network import PIXELS

NUM_TRAIN, NUM_VALID = 1000, 380
NUM_TASKS, NUM_LETTERS, SIDE = 5, 10, 14
TASK_TRAIN, TASK_VALID, TASK_TEST = 40, 15, 25  # images of each letter
# Scripts with letters enough for a task, whose shapes are their own.
SCRIPTS = (
    "Armenian", "Georgian", "Hebrew", "Arabic", "Nko", "Lao", "Tifinagh", "Lisu", "Greek", "Cyrillic",
)  # fmt: skip


@dataclass(frozen=True)
class Split:
    """Images to train on, to choose by, and to report on."""

    X_train: Tensor
    y_train: Tensor
    X_valid: Tensor
    y_valid: Tensor
    X_test: Tensor
    y_test: Tensor


@lru_cache(maxsize=1)
def _digits() -> tuple[Tensor, Tensor]:
    images = datasets.load("digits")
    X = torch.tensor(images.images.reshape(-1, PIXELS), dtype=torch.float64)
    return X, torch.tensor(images.labels)


def digits(seed: int) -> Split:
    """The 1,797 digits, shuffled by the seed and cut in three."""
    X, y = _digits()
    order = np.random.default_rng([seed, 0]).permutation(len(y))
    cuts = np.split(order, [NUM_TRAIN, NUM_TRAIN + NUM_VALID])
    return Split(*(part[rows] for rows in cuts for part in (X, y)))


@dataclass(frozen=True)
class Tasks:
    """Scripts to be learned one after another: images (tasks, images, pixels), labels of their own each."""

    names: tuple[str, ...]
    X_train: Tensor
    X_valid: Tensor
    X_test: Tensor
    y_train: Tensor
    y_valid: Tensor
    y_test: Tensor


@lru_cache(maxsize=1)
def _letters() -> dict[str, np.ndarray]:
    """Every script's letters: (letters, images, pixels)."""
    samples = TASK_TRAIN + TASK_VALID + TASK_TEST
    found = {}
    for script in SCRIPTS:
        drawn = datasets.load("glyphs", samples=samples, size=SIDE, scripts=(script,))
        found[script] = drawn.images.reshape(-1, samples, SIDE * SIDE)
    return found


def script_tasks(seed: int) -> Tasks:
    """Five scripts in random order, ten random letters of each; letter j of task t has the label 10 t + j."""
    rng = np.random.default_rng([seed, 1])
    names = rng.permutation(SCRIPTS)[:NUM_TASKS]
    chosen = []
    for name in names:
        pool = _letters()[name]
        chosen.append(pool[rng.permutation(len(pool))[:NUM_LETTERS]])
    images = torch.tensor(
        np.stack(chosen), dtype=torch.float64
    )  # (T, 10, images, pixels)
    parts = images.split([TASK_TRAIN, TASK_VALID, TASK_TEST], dim=2)
    labels = torch.arange(NUM_TASKS * NUM_LETTERS).view(NUM_TASKS, NUM_LETTERS, 1)
    y = [labels.expand(*part.shape[:3]).flatten(1) for part in parts]
    return Tasks(tuple(map(str, names)), *(part.flatten(1, 2) for part in parts), *y)
