"""A search space as a unit cube: how every search method of the chapter sees hyperparameters.

An Optuna search space is a dictionary of distributions: floats, integers, log scales, categories. A Gaussian
process and a genetic algorithm want plain vectors. ``UnitCube`` translates: one column in [0, 1] for each number,
one column per choice for each category (the largest column wins).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

Space = Mapping[str, BaseDistribution]
Params = dict[str, Any]


@dataclass(frozen=True)
class UnitCube:
    """Translate between parameter dictionaries and vectors in the unit cube."""

    space: Space

    def __post_init__(self) -> None:
        if not self.space:
            raise ValueError(
                "space: no hyperparameter to search; give at least one distribution"
            )
        for name, dist in self.space.items():
            if not isinstance(
                dist, (CategoricalDistribution, FloatDistribution, IntDistribution)
            ):
                raise TypeError(
                    f"space[{name!r}]: {type(dist).__name__} is no Optuna distribution of this book"
                )

    @cached_property
    def widths(self) -> list[int]:
        """Number of columns that each hyperparameter takes."""
        return [
            len(d.choices) if isinstance(d, CategoricalDistribution) else 1
            for d in self.space.values()
        ]

    @cached_property
    def ends(self) -> list[int]:
        """First column after each hyperparameter's own."""
        return np.cumsum(self.widths).tolist()

    @property
    def num_columns(self) -> int:
        return self.ends[-1]

    def encode(self, params: Params) -> np.ndarray:
        """Vector of one configuration."""
        missing = [name for name in self.space if name not in params]
        if missing:
            raise KeyError(
                f"params: {missing} missing; the space holds {list(self.space)}"
            )
        return np.concatenate(
            [_encode_one(dist, params[name]) for name, dist in self.space.items()]
        )

    def decode(self, vector: np.ndarray) -> Params:
        """Configuration at one vector: numbers go to the nearest allowed value."""
        columns = [
            vector[end - width : end]
            for end, width in zip(self.ends, self.widths, strict=True)
        ]
        return {
            name: _decode_one(dist, u)
            for (name, dist), u in zip(self.space.items(), columns, strict=True)
        }

    def snap(self, vectors: np.ndarray) -> np.ndarray:
        """Move each row to the vector of the configuration it stands for, so that a model sees what is trained."""
        columns = np.split(np.asarray(vectors, dtype=float), self.ends[:-1], axis=1)
        return np.hstack(
            [
                _snap_one(dist, u)
                for dist, u in zip(self.space.values(), columns, strict=True)
            ]
        )

    def random(self, num_points: int, rng: np.random.Generator) -> list[Params]:
        """Draw configurations uniformly: this is all there is to random search."""
        return [
            self.decode(vector) for vector in rng.random((num_points, self.num_columns))
        ]


def _bounds(dist: FloatDistribution | IntDistribution) -> tuple[float, float]:
    """Ends of the column. A stepped value owns a cell of equal width, half a step to either side."""
    half = (dist.step or 0) / 2
    low, high = dist.low - half, dist.high + half
    return (np.log(low), np.log(high)) if dist.log else (low, high)


def _encode_one(dist: BaseDistribution, value: Any) -> np.ndarray:
    if isinstance(dist, CategoricalDistribution):
        return np.eye(len(dist.choices))[int(dist.to_internal_repr(value))]
    low, high = _bounds(dist)
    x = np.log(value) if dist.log else value
    return np.array([0.5 if high == low else (x - low) / (high - low)])


def _values(dist: FloatDistribution | IntDistribution, u: np.ndarray) -> np.ndarray:
    """Allowed values nearest to the positions u in [0, 1]."""
    low, high = _bounds(dist)
    x = low + u * (high - low)
    x = np.exp(x) if dist.log else x
    if dist.step:
        x = dist.low + dist.step * np.round((x - dist.low) / dist.step)
    return np.clip(x, dist.low, dist.high)


def _decode_one(dist: BaseDistribution, u: np.ndarray) -> Any:
    if isinstance(dist, CategoricalDistribution):
        return dist.choices[int(np.argmax(u))]
    value = _values(dist, float(u[0]))
    return (
        int(round(float(value))) if isinstance(dist, IntDistribution) else float(value)
    )


def _snap_one(dist: BaseDistribution, u: np.ndarray) -> np.ndarray:
    if isinstance(dist, CategoricalDistribution):
        return np.eye(len(dist.choices))[np.argmax(u, axis=1)]
    low, high = _bounds(dist)
    if high == low:
        return np.full_like(u, 0.5)
    x = _values(dist, u)
    return ((np.log(x) if dist.log else x) - low) / (high - low)
