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
    kinds = np.full((len(pool), len(pool)), KINDS.index("other"))
    for turns in range(4):
        for mirrored in (False, True):
            moved = np.rot90(masks, turns, axes=(1, 2))
            moved = moved[:, :, ::-1] if mirrored else moved
            straight = turns == 0 and not mirrored
            kind = KINDS.index("near twin" if straight else "turned or mirrored")
            close = near_pairs(masks, moved)
            kinds[close] = np.minimum(kinds[close], kind)
    kinds = np.minimum(kinds, kinds.T)
    base = [bases(letters) for letters in pool.letters]
    for first in range(len(pool)):
        for second in range(len(pool)):
            if base[first] & base[second]:
                kinds[first, second] = 0
    return kinds


def near_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Whether the Hausdorff distance of two masks is at most `NEAR`, for all pairs: (classes, classes)."""
    coarse = [
        masks.reshape(len(masks), 16, 4, 16, 4)
        .mean(axis=(2, 4))
        .reshape(len(masks), -1)
        for masks in (first, second)
    ]
    squares = [(c**2).sum(axis=1) for c in coarse]
    apart = squares[0][:, None] + squares[1][None] - 2 * coarse[0] @ coarse[1].T
    close = np.zeros(apart.shape, bool)
    candidates = np.argwhere(apart < 16)  # a sieve: distant pictures differ by more
    to_first = {i: distance_transform_edt(~first[i]) for i in set(candidates[:, 0])}
    to_second = {i: distance_transform_edt(~second[i]) for i in set(candidates[:, 1])}
    for a, b in candidates:
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
