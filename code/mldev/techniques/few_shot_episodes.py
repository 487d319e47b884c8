"""Episodes: the small tasks that few-shot learning is trained and judged on.

A pool of characters is one tensor of images, (classes, drawings, 1, size, size). An episode is a choice of classes
and drawings from it. Episodes hold positions only, so the same ones serve images, pixels and embeddings alike, and
every method is judged on the same questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mldev import datasets


@dataclass(frozen=True)
class Characters:
    """Drawings of characters, class by class.

    Attributes
    ----------
    images : Tensor
        (classes, drawings, 1, size, size), ink is 1.
    letters : tuple of str
        Per class, the letters that share the shape.
    names, scripts : tuple of str
        Per class, its Unicode name and its script.
    """

    images: torch.Tensor
    letters: tuple[str, ...]
    names: tuple[str, ...]
    scripts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    def only(self, chosen: Sequence[int]) -> Characters:
        """The classes at these positions."""
        chosen = [int(place) for place in chosen]
        return Characters(
            self.images[chosen],
            tuple(self.letters[i] for i in chosen),
            tuple(self.names[i] for i in chosen),
            tuple(self.scripts[i] for i in chosen),
        )


@dataclass(frozen=True)
class Episodes:
    """Many N-way k-shot tasks: classes (E, N), support drawings (E, N, K), query drawings (E, N, Q)."""

    classes: np.ndarray
    support: np.ndarray
    query: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, which: slice) -> Episodes:
        return Episodes(self.classes[which], self.support[which], self.query[which])

    @property
    def ways(self) -> int:
        """How many classes each episode tells apart."""
        return self.classes.shape[1]

    def of(self, pool: np.ndarray | torch.Tensor) -> tuple:
        """Support (E, N, K, ...) and query (E, N, Q, ...) out of a pool (classes, drawings, ...)."""
        rows = self.classes[:, :, None]
        return pool[rows, self.support], pool[rows, self.query]


def characters(split: str = "background", samples: int = 20) -> Characters:
    """Load the glyphs of one side: "background" to learn from, "evaluation" never seen, or "all"."""
    return _as_classes(datasets.load("glyphs", split=split, samples=samples), samples)


def characters_of(scripts: Sequence[str], samples: int = 20) -> Characters:
    """Load only the shapes that occur in these scripts."""
    found = datasets.load("glyphs", scripts=tuple(scripts), samples=samples)
    return _as_classes(found, samples)


def _as_classes(found: datasets.Images, samples: int) -> Characters:
    images = torch.from_numpy(found.images).reshape(
        -1, samples, 1, *found.images.shape[1:]
    )
    return Characters(images, found.characters, found.label_names, found.groups)


def draw_episodes(
    pool: Characters,
    num_episodes: int,
    ways: int,
    shots: int,
    queries: int,
    seed: int,
    within_script: bool = False,
) -> Episodes:
    """Draw tasks at random: classes without repetition, then drawings of each.

    With the same seed, the classes and the query drawings do not depend on the number of shots, and fewer shots are
    a part of more: curves over shots compare the same questions.

    Parameters
    ----------
    pool
        Where the classes come from.
    num_episodes, ways, shots, queries
        How many tasks; classes in each; support and query drawings of every class.
    seed
        Decides every draw.
    within_script
        Take all classes of an episode from one script, drawn in proportion to its number of classes.
    """
    drawings = pool.images.shape[1]
    _check(pool, ways, shots, queries, drawings)
    rng = np.random.default_rng(seed)
    if within_script:
        classes = _one_script_each(pool, num_episodes, ways, rng)
    else:
        order = rng.random((num_episodes, len(pool))).argsort(axis=1)
        classes = order[:, :ways]
    order = rng.random((num_episodes, ways, drawings)).argsort(axis=2)
    return Episodes(
        classes, order[..., queries : queries + shots], order[..., :queries]
    )


def _one_script_each(
    pool: Characters, num_episodes: int, ways: int, rng: np.random.Generator
) -> np.ndarray:
    scripts = np.array(pool.scripts)
    sizes = {name: int((scripts == name).sum()) for name in sorted(set(pool.scripts))}
    large = [name for name, size in sizes.items() if size >= ways]
    if not large:
        raise ValueError(
            f"ways {ways}: no script has so many classes; the largest has {max(sizes.values())}"
        )
    share = np.array([sizes[name] for name in large], float)
    chosen = rng.choice(large, num_episodes, p=share / share.sum())
    return np.stack(
        [
            rng.choice(np.flatnonzero(scripts == name), ways, replace=False)
            for name in chosen
        ]
    )


def _check(
    pool: Characters, ways: int, shots: int, queries: int, drawings: int
) -> None:
    if not 2 <= ways <= len(pool):
        raise ValueError(f"ways {ways}: expected from 2 to the {len(pool)} classes")
    if shots < 1 or queries < 1 or shots + queries > drawings:
        raise ValueError(
            f"shots {shots} and queries {queries}: expected at least one of each, "
            f"and together at most the {drawings} drawings of a class"
        )
