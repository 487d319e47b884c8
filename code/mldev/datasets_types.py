"""What `mldev.datasets` hands out: entries that describe data sets, bundles that hold the data, and its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd


class UnknownDataset(KeyError):
    """No data set of that name; the message names the near ones."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show the message in quotes


class BadArgument(ValueError):
    """An argument of a loader is unknown or out of range; the message says what came and what is allowed."""


@dataclass(frozen=True)
class Dataset:
    """One entry of the registry.

    Attributes
    ----------
    size : tuple of int
        What `load(name)` gives without arguments: (rows, columns) of a table, (images, height, width),
        (points in time, variables) of a series, (texts,).
    kind : str
        "table", "images", "series" or "texts": decides which bundle `load` returns.
    sensitive : tuple of str
        Columns about people that need care: protected attributes, health, and what stands in for them.
    synthetic : bool
        Made by a formula of ours, with the truth known; such entries are never passed off as observations.
    """

    name: str
    title: str
    description: str
    source: str
    licence: str
    size: tuple[int, ...]
    kind: str
    sensitive: tuple[str, ...]
    load: Callable[..., Table | Images | Texts | Series]
    task: str = "classification"
    synthetic: bool = False

    @property
    def size_text(self) -> str:
        """The size in words, for a reader."""
        if self.kind == "images":
            return f"{self.size[0]:,} images of {self.size[1]} x {self.size[2]} pixels"
        if self.kind == "texts":
            return f"{self.size[0]:,} texts"
        rows, columns = self.size
        what = "points in time" if self.kind == "series" else "rows"
        return f"{rows:,} {what}, {columns} {'column' if columns == 1 else 'columns'}"


@dataclass(frozen=True)
class Truth:
    """How a synthetic table was made: y depends on `design(X)` through `coefficients`, and on nothing else.

    Attributes
    ----------
    statement : str
        The formula in one sentence.
    coefficients : mapping
        Term -> true coefficient; the terms are the columns of `design(X)`, plus "intercept".
    design : callable
        Builds the terms from the columns of X.
    link : str
        "logit" (y is 1 with probability sigmoid of the sum) or "identity" (y is the sum plus noise).
    causes : tuple of str
        The columns of X that y depends on.
    proxies : mapping
        Column -> what it merely follows. It predicts y, and changing it would change nothing.
    noise : tuple of str
        Columns that have nothing to do with y.
    effects : mapping
        Treatment column -> average effect on y of switching it from 0 to 1 for everybody.
    unbiased_y : Series or None
        y as it was before labels were corrupted on purpose.
    """

    statement: str
    coefficients: Mapping[str, float]
    design: Callable[[pd.DataFrame], pd.DataFrame]
    link: str
    causes: tuple[str, ...]
    proxies: Mapping[str, str] = field(default_factory=dict)
    noise: tuple[str, ...] = ()
    effects: Mapping[str, float] = field(default_factory=dict)
    unbiased_y: pd.Series | None = None

    def mean(self, X: pd.DataFrame) -> np.ndarray:
        """The true expectation of y for each row of X (a probability where y is 0 or 1)."""
        terms = self.design(X)
        total = self.coefficients["intercept"] + sum(
            terms[t].to_numpy(float) * self.coefficients[t] for t in terms
        )
        return 1 / (1 + np.exp(-total)) if self.link == "logit" else total


@dataclass(frozen=True)
class StreamTruth:
    """What happens in a drifting stream, and when.

    Attributes
    ----------
    kind : str
        Which drift it is.
    changes : tuple of (int, int)
        Row at which each change begins, and row by which it is complete; empty without drift.
    weights : DataFrame
        The coefficients of the logistic model under each concept, one row per concept.
    share_new : ndarray
        Per row, the share of concept "B": a chance in a gradual drift, a mixing weight in an incremental one.
    probability : ndarray
        Per row, the true probability that y is 1.
    """

    kind: str
    changes: tuple[tuple[int, int], ...]
    weights: pd.DataFrame
    share_new: np.ndarray
    probability: np.ndarray


@dataclass(frozen=True)
class Table:
    """Rows and columns: features X, target y.

    `label_names` names the codes 0, 1, ... of y where y holds codes; `extra` keeps columns that are neither feature
    nor target (a survival time, an identifier): they never belong among the features.
    """

    X: pd.DataFrame
    y: pd.Series
    label_names: tuple[str, ...] = ()
    extra: pd.DataFrame | None = None
    truth: Truth | StreamTruth | None = None


@dataclass(frozen=True)
class Images:
    """Grey images: `images` is float32 of shape (N, H, W) in [0, 1]; `labels` counts from 0 into `label_names`.

    Glyphs also carry, per class, the `characters` that share its shape and the script (`groups`) it counts as.
    """

    images: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    characters: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def X(self) -> np.ndarray:
        """The images as rows of pixels, (N, H * W), as scikit-learn wants them."""
        return self.images.reshape(len(self.images), -1)

    @property
    def y(self) -> np.ndarray:
        """The labels."""
        return self.labels


@dataclass(frozen=True)
class Series:
    """Values in time: a pandas Series or DataFrame indexed by date, its unit, and the steps of one season (or None)."""

    values: pd.Series | pd.DataFrame
    unit: str
    season: int | None


@dataclass(frozen=True)
class Texts:
    """Texts with two labels: `frame` has the columns name, library, module, title and body, one row per text."""

    frame: pd.DataFrame

    @property
    def texts(self) -> list[str]:
        """Title and body joined by an empty line."""
        return (self.frame["title"] + "\n\n" + self.frame["body"]).tolist()

    @property
    def label_names(self) -> tuple[str, ...]:
        """The libraries, in alphabetical order."""
        return tuple(sorted(self.frame["library"].unique()))

    @property
    def labels(self) -> np.ndarray:
        """The library of each text, as a code into `label_names`."""
        return np.searchsorted(self.label_names, self.frame["library"].to_numpy(str))


def check_int(argument: str, value: Any, low: int, high: int | None = None) -> int:
    """Return `value` when it is a whole number within the bounds, else raise `BadArgument`."""
    fits = isinstance(value, Integral) and not isinstance(value, bool)
    if not fits or value < low or (high is not None and value > high):
        allowed = (
            f"a whole number from {low} to {high}"
            if high is not None
            else f"a whole number of at least {low}"
        )
        raise BadArgument(f"argument {argument!r} is {value!r}; allowed: {allowed}")
    return int(value)


def check_real(argument: str, value: Any, low: float, high: float) -> float:
    """Return `value` when it is a number within the bounds, else raise `BadArgument`."""
    fits = isinstance(value, Real) and not isinstance(value, bool)
    if not fits or not low <= value <= high:
        raise BadArgument(
            f"argument {argument!r} is {value!r}; allowed: a number from {low} to {high}"
        )
    return float(value)


def check_choice(argument: str, value: Any, choices: Sequence[Any]) -> Any:
    """Return `value` when it is one of the choices, else raise `BadArgument`."""
    if not any(
        value is choice or (type(value) is type(choice) and value == choice)
        for choice in choices
    ):
        raise BadArgument(
            f"argument {argument!r} is {value!r}; allowed: {', '.join(repr(c) for c in choices)}"
        )
    return value
