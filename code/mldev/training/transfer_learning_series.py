"""A target that needs what the source was taught to ignore: letters that are one another's mirror images.

In the Canadian syllabics a consonant is a shape, and its vowel is the way in which the shape is mirrored or turned.
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
    mirror,
    task_of,
)
from mldev.training.transfer_learning_loop import run

VOWELS = ("E", "I", "O", "A")
# the consonants whose four letters look like no letter of the source
CHOOSING = ("K", "C", "N", "S")
JUDGING = ("L", "Y", "SH", "R", "TH")


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


def syllables_task(
    consonants: tuple[str, ...], labels_per_class: int, seed: int
) -> Task:
    """Tell the letters of these consonants apart, four vowels each: class 4 c + v is consonant c with vowel v."""
    drawn = syllables(seed)
    names = tuple(f"{c}{v}".lower() for c in consonants for v in VOWELS)
    images = torch.cat([drawn[consonant] for consonant in consonants])
    return task_of(images, labels_per_class, names)


def consonants_and_vowels(model: nn.Module, task: Task) -> tuple[float, float]:
    """How often the consonant is right; and how often the vowel is, where the consonant is."""
    answers = run(model, task.test_inputs).argmax(dim=1)
    consonant = answers // 4 == task.test_labels // 4
    vowel = answers % 4 == task.test_labels % 4
    return float(consonant.float().mean()), float(vowel[consonant].float().mean())


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
