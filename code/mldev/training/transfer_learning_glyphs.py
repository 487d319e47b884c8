"""Letters: six scripts to learn from, two on which learning rates are chosen, five on which strategies are judged."""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import nn

from mldev import datasets
from mldev.training.transfer_learning_loop import fine_tune

LAYERS = ("first", "second", "third", "head")
SIZE = 20  # of an image, in pixels
FEATURES = 288
SOURCE = ("Latin", "Greek", "Cyrillic", "Coptic", "Lisu", "Old Italic")
CHOOSING = ("Armenian", "Lao")
JUDGING = ("Arabic", "Georgian", "Hebrew", "Ogham", "Tifinagh")
NUM_CLASSES = 20
MOST_LABELS, NUM_TEST = 20, 15  # drawings of each class
DRAWINGS = 20  # of each letter of the source
SOURCE_STEPS, SOURCE_BATCH, SOURCE_RATE = 500, 64, 0.1


@dataclass(frozen=True)
class Task:
    """A few labelled inputs to learn from, and others to be judged on; `names` are the classes."""

    inputs: torch.Tensor
    labels: torch.Tensor
    test_inputs: torch.Tensor
    test_labels: torch.Tensor
    names: tuple[str, ...]


def network(num_classes: int, seed: int) -> nn.Sequential:
    """Three strided convolutions and a linear head."""
    torch.manual_seed(seed)
    return nn.Sequential(
        OrderedDict(  # (B, 1, 20, 20)
            first=block(1, 16),  # (B, 16, 10, 10)
            second=block(16, 32),  # (B, 32, 5, 5)
            third=block(32, 32),  # (B, 32, 3, 3)
            head=nn.Sequential(nn.Flatten(), nn.Linear(FEATURES, num_classes)),
        )
    )


def block(channels_in: int, channels_out: int) -> nn.Sequential:
    """A convolution that halves height and width, normalised image by image."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1),
        nn.GroupNorm(4, channels_out),
        nn.ReLU(),
    )


def with_new_head(model: nn.Sequential, num_classes: int, seed: int) -> nn.Sequential:
    """A copy of the model whose last linear layer starts anew, for other classes."""
    torch.manual_seed(seed)
    model = copy.deepcopy(model)
    model[-1][-1] = nn.Linear(model[-1][-1].in_features, num_classes)
    return model


@lru_cache(maxsize=1)
def source() -> tuple[torch.Tensor, torch.Tensor]:
    """Drawings of the six scripts, (images, 1, 20, 20), and which character each one is."""
    found = datasets.load("glyphs", scripts=SOURCE, samples=DRAWINGS, size=SIZE)
    return torch.from_numpy(found.images)[:, None], torch.from_numpy(found.labels)


@lru_cache(maxsize=5)
def pretrained(seed: int) -> nn.Sequential:
    """The network after it has learned to tell all letters of the source apart; the seed decides all that is random."""
    images, labels = source()
    model = network(int(labels.max()) + 1, seed)
    rates = [SOURCE_RATE] * len(model)
    fine_tune(model, rates, images, labels, SOURCE_STEPS, seed, SOURCE_BATCH)
    return model


@lru_cache(maxsize=1)
def unseen() -> tuple[torch.Tensor, tuple[str, ...], np.ndarray]:
    """Drawings of the scripts never seen, class by class, (classes, drawings, 1, 20, 20); names; scripts."""
    drawings = MOST_LABELS + NUM_TEST
    found = datasets.load("glyphs", split="evaluation", samples=drawings, size=SIZE)
    images = torch.from_numpy(found.images).reshape(-1, drawings, 1, SIZE, SIZE)
    return images, found.label_names, np.array(found.groups)


def letters_task(script: str, labels_per_class: int, seed: int) -> Task:
    """Tell 20 characters of one unseen script apart; fewer labels are the first of more, the test is the same."""
    images, names, scripts = unseen()
    if script not in CHOOSING + JUDGING:
        allowed = ", ".join(CHOOSING + JUDGING)
        raise ValueError(f"script {script!r}: expected one of {allowed}")
    rng = np.random.default_rng([seed, len(script)])
    chosen = rng.choice(np.flatnonzero(scripts == script), NUM_CLASSES, replace=False)
    return task_of(images[chosen], labels_per_class, tuple(names[i] for i in chosen))


def task_of(
    images: torch.Tensor, labels_per_class: int, names: tuple[str, ...]
) -> Task:
    """A task from drawings, (classes, drawings, ...): the last 15 of each class are its test."""
    most = images.shape[1] - NUM_TEST
    if not 1 <= labels_per_class <= most:
        raise ValueError(
            f"labels_per_class {labels_per_class}: expected from 1 to {most}"
        )
    numbers = torch.arange(len(images))
    return Task(
        images[:, :labels_per_class].flatten(0, 1),
        numbers.repeat_interleave(labels_per_class),
        images[:, -NUM_TEST:].flatten(0, 1),
        numbers.repeat_interleave(NUM_TEST),
        names,
    )
