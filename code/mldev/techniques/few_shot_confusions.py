"""Which mistakes are easy to make: pairs of characters that a person would mix up, too."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from mldev.datasets_glyphs import SAME_SHAPE, shape
from mldev.techniques.few_shot_episodes import Characters, Episodes

NEAR = 2 * SAME_SHAPE  # two pixels of a 28 x 28 image
KINDS = ("another form of the letter", "near twin", "turned or mirrored", "other")


@dataclass(frozen=True)
class Mistakes:
    """Per episode and kind of pair: how often a wrong answer was offered, and how often it was given: (E, kinds)."""

    offered: np.ndarray
    given: np.ndarray


def bases(letters: str) -> set[str]:
    """The letters without case and position in the word: ﺑ and ب have the same base, as have Ա and ա."""
    return {unicodedata.normalize("NFKC", c).casefold() for c in letters}


def pair_kinds(pool: Characters) -> np.ndarray:
    """For every pair of classes a position in `KINDS`: (classes, classes)."""
    masks = np.stack([shape(letters[0]) for letters in pool.letters])
    to_ink = np.stack([distance_transform_edt(~mask) for mask in masks])
    kinds = np.full((len(pool), len(pool)), KINDS.index("other"))
    for turns in range(4):
        for step in (1, -1):  # -1 mirrors
            moved = [
                np.rot90(a, turns, axes=(1, 2))[:, :, ::step] for a in (masks, to_ink)
            ]
            straight = turns == 0 and step == 1
            kind = KINDS.index("near twin" if straight else "turned or mirrored")
            close = near_pairs(masks, to_ink, *moved)
            kinds[close] = np.minimum(kinds[close], kind)
    base = [bases(letters) for letters in pool.letters]
    same = np.array([[bool(a & b) for b in base] for a in base])
    return np.where(same, 0, np.minimum(kinds, kinds.T))


def near_pairs(
    first: np.ndarray, to_first: np.ndarray, second: np.ndarray, to_second: np.ndarray
) -> np.ndarray:
    """Whether the Hausdorff distance of two masks is at most `NEAR`, for all pairs: (classes, classes).

    `to_first` and `to_second` hold, for every pixel, the distance to the nearest ink.
    """
    coarse = [
        m.reshape(len(m), 16, 4, 16, 4).mean(axis=(2, 4)) for m in (first, second)
    ]
    coarse = [c.reshape(len(c), -1) for c in coarse]
    squares = [(c**2).sum(axis=1) for c in coarse]
    apart = squares[0][:, None] + squares[1][None] - 2 * coarse[0] @ coarse[1].T
    close = np.zeros(apart.shape, bool)
    for a, b in np.argwhere(apart < 30):  # a sieve: near shapes differ by less
        farthest = max(to_second[b][first[a]].max(), to_first[a][second[b]].max())
        close[a, b] = farthest <= NEAR
    return close


def mistakes(kinds: np.ndarray, episodes: Episodes, predicted: np.ndarray) -> Mistakes:
    """Count, per episode and kind, the wrong answers on offer and those that were given."""
    ways, queries = episodes.ways, predicted.shape[2]
    pair = kinds[episodes.classes[:, :, None], episodes.classes[:, None, :]]
    chosen = np.take_along_axis(pair, predicted, axis=2)  # (E, N, Q)
    wrong = predicted != np.arange(ways)[None, :, None]
    apart = ~np.eye(ways, dtype=bool)
    offered = [
        ((pair == k) & apart).sum(axis=(1, 2)) * queries for k in range(len(KINDS))
    ]
    given = [((chosen == k) & wrong).sum(axis=(1, 2)) for k in range(len(KINDS))]
    return Mistakes(np.stack(offered, axis=1), np.stack(given, axis=1))
