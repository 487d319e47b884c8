"""Where transfer hurts: the source was taught to ignore what the target asks for.

In the Canadian syllabics a consonant is a shape, and its vowel is the way in which the shape is mirrored. A network
that was taught that a letter and its mirror image are the same knows consonants, and is blind to vowels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from mldev import datasets
from mldev.training.transfer_learning_glyphs import (
    MOST_LABELS,
    NUM_TEST,
    SIZE,
    Task,
    network,
    source,
    task_of,
)
from mldev.training.transfer_learning_loop import matching_loss, run

QUESTIONS = ("consonant", "vowel")
VOWELS = ("E", "I", "O", "A")
# the consonants whose four letters look like no letter of the source
CHOOSING = ("K", "N", "C", "S")
JUDGING = ("L", "Y", "SH", "R", "TH")
PAIR_STEPS, PAIR_BATCH, PAIR_RATE, PAIR_SHARPNESS = 250, 48, 0.003, 10.0


def mirror(images: torch.Tensor, how: np.ndarray) -> torch.Tensor:
    """Each image as it is (0), with left and right exchanged (1), top and bottom (2), or both (3)."""
    result = images.clone()
    for number, axes in ((1, (3,)), (2, (2,)), (3, (2, 3))):
        rows = np.flatnonzero(how == number)
        result[rows] = images[rows].flip(axes)
    return result


def shift(images: torch.Tensor, how: np.ndarray) -> torch.Tensor:
    """Each image moved by two pixels: to the left (0), to the right (1), up (2) or down (3)."""
    result = images.clone()
    for number, (step, axis) in enumerate(((-2, 3), (2, 3), (-2, 2), (2, 2))):
        rows = np.flatnonzero(how == number)
        result[rows] = images[rows].roll(step, axis)  # the margins are empty
    return result


CHANGES = {"mirrored": mirror, "shifted": shift}


@lru_cache(maxsize=4)
def paired(seed: int, change: str) -> nn.Sequential:
    """The network after it has learned to find, among 48 changed drawings, the one that was made from a given one.

    No label is used. What the change does to a drawing, the features learn to ignore.

    Parameters
    ----------
    seed
        Of everything random.
    change : {"mirrored", "shifted"}
        What is done to the drawing to be found, in one of four ways at random.
    """
    if change not in CHANGES:
        raise ValueError(f"change {change!r}: expected one of {', '.join(CHANGES)}")
    images, _ = source()
    model, rng = network(2, seed), np.random.default_rng(seed)
    features = model[:-1]
    optimizer = torch.optim.Adam(features.parameters(), PAIR_RATE)
    for _ in range(PAIR_STEPS):
        some = images[rng.choice(len(images), PAIR_BATCH, replace=False)]
        changed = CHANGES[change](some, rng.integers(0, 4, PAIR_BATCH))
        loss = matching_loss(
            features(some).flatten(1), features(changed).flatten(1), PAIR_SHARPNESS
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@lru_cache(maxsize=5)
def syllables(seed: int) -> dict[str, torch.Tensor]:
    """Drawings of each consonant's four letters, (4, drawings, 1, 20, 20); another seed draws others."""
    found = datasets.load(
        "glyphs",
        scripts=("Canadian syllabics",),
        samples=MOST_LABELS + NUM_TEST,
        size=SIZE,
        seed=seed,
    )
    images = torch.from_numpy(found.images).reshape(
        len(found.label_names), -1, 1, SIZE, SIZE
    )
    place = {name: number for number, name in enumerate(found.label_names)}
    return {
        consonant: images[
            [place[f"CANADIAN SYLLABICS {consonant}{vowel}"] for vowel in VOWELS]
        ]
        for consonant in CHOOSING + JUDGING
    }


def vowel_task(consonant: str, labels_per_class: int, seed: int) -> Task:
    """Tell the four letters of one consonant apart: the same shape, mirrored in four ways."""
    return task_of(syllables(seed)[consonant], labels_per_class, VOWELS)


def consonant_task(
    consonants: tuple[str, ...], labels_per_class: int, seed: int
) -> Task:
    """Tell the consonants apart, whatever the vowel: the labels take the four letters of a class in turn."""
    shapes = [
        syllables(seed)[c].transpose(0, 1).flatten(0, 1) for c in consonants
    ]  # drawing 0 of each vowel, then drawing 1, ...
    return task_of(torch.stack(shapes), labels_per_class, consonants)


def tasks_of(question: str, choosing: bool, labels: int, seed: int) -> list[Task]:
    """One task for consonants; two for vowels, of two consonants that change with the seed."""
    if question not in QUESTIONS:
        raise ValueError(
            f"question {question!r}: expected one of {', '.join(QUESTIONS)}"
        )
    names = CHOOSING if choosing else JUDGING
    if question == "consonant":
        return [consonant_task(names, labels, seed)]
    two = np.take(names, (2 * seed, 2 * seed + 1), mode="wrap")
    return [vowel_task(str(name), labels, seed) for name in two]


def likeness(features: nn.Module, images: torch.Tensor) -> float:
    """Cosine of the features of an image and of the same image mirrored, after the mean feature is taken away.

    Near 1 the features do not tell an image from its mirror image; near 0 the two are as unlike as any two.
    """
    upright = run(features, images).flatten(1)
    centre = upright.mean(dim=0)
    cosines = [
        F.cosine_similarity(
            upright - centre,
            run(features, mirror(images, np.full(len(images), how))).flatten(1)
            - centre,
        ).mean()
        for how in (1, 2, 3)
    ]
    return float(torch.stack(cosines).mean())
