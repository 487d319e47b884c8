"""The chapter's studies: the systems on five tables, and what halving is worth.

- ``clock``: this chapter's search, FLAML and H2O under seconds of wall clock.
- ``defaults``: two untuned models behind the same preprocessing.
- ``trials``: this chapter's search under a number of trials, which is reproducible.
- ``ladder``: many candidates, each trained on every rung, to replay a search from.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import time
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split

from mldev import datasets
from mldev.studies import Study
from mldev.techniques.automl_estimators import (
    AutoMLClassifier,
    AutoMLRegressor,
)
from mldev.techniques.automl_libraries import FlamlModel, H2OModel, h2o_server
from mldev.techniques.automl_schema import Schema
from mldev.techniques.automl_space import FAMILIES
from mldev.techniques.automl_workers import STARTING, borrowed_server

CHAPTER = "techniques/automl"
TABLES = {
    "breast_cancer": "roc_auc",
    "digits": "accuracy",
    "arrests": "roc_auc",
    "diabetes": "r2",
    "randhie": "r2",
}
BUDGETS = (2, 5, 15)
COMPARED = 15
NUM_SEEDS = 5
NUM_TRIALS = 8
SYSTEMS = (*(f"ours, {b} s" for b in BUDGETS), "FLAML", "H2O")


@dataclass(frozen=True)
class Split:
    """A table split for a seed; `metric` is what everyone is told and measured by."""

    X_train: object
    X_test: object
    y_train: np.ndarray
    y_test: np.ndarray
    metric: str

    @property
    def classification(self) -> bool:
        """Whether the target is a class."""
        return self.metric != "r2"

    def score(self, model: object, X_test: object = None) -> float:
        """The metric on the test rows, larger is better."""
        X = self.X_test if X_test is None else X_test
        if self.metric == "roc_auc":
            return float(roc_auc_score(self.y_test, model.predict_proba(X)[:, 1]))
        measure = accuracy_score if self.metric == "accuracy" else r2_score
        return float(measure(self.y_test, model.predict(X)))


def split(table: str, seed: int) -> Split:
    """Three quarters for training, one for the test, classes spread evenly."""
    X, y = _table(table)
    classes = None if TABLES[table] == "r2" else y
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, random_state=seed, stratify=classes
    )
    return Split(X_train, X_test, y_train, y_test, TABLES[table])


@cache
def _table(name: str) -> tuple[object, np.ndarray]:
    data = datasets.load(name)
    if name == "digits":
        return data.images.reshape(len(data.images), -1), np.asarray(data.labels)
    return data.X, np.asarray(data.y)


def automl(data: Split, seed: int, **budget: object) -> object:
    """Our estimator for this split, told the metric."""
    kind = AutoMLClassifier if data.classification else AutoMLRegressor
    budget = {"time_budget": None} | budget
    return kind(metric=data.metric, random_state=seed, **budget)


def clock_row(row: dict) -> dict:
    """One system on one split: test score, wall clock, and what it was spent on."""
    data = split(row["table"], row["seed"])
    if row["system"].startswith("ours"):
        return _ours_row(data, row["seed"], int(row["system"].split()[1]))
    if row["system"] == "FLAML":
        import flaml  # noqa: F401  (its import is not timed)

        model = FlamlModel(
            data.classification, data.metric, row["seed"], time_budget=COMPARED
        )
        start = time.perf_counter()
        model.fit(data.X_train, data.y_train)
        seconds = time.perf_counter() - start
        num_trials = len(model.model._search_states) and model.model._iter_per_learner
        num_trials = sum(num_trials.values())
    else:
        _h2o()
        model = H2OModel(
            data.classification, data.metric, row["seed"], max_runtime_secs=COMPARED
        )
        model.fit(data.X_train, data.y_train)
        seconds, num_trials = model.fit_seconds, len(model.model.leaderboard)
    return _measured(data.score(model), seconds, num_trials)


def _ours_row(data: Split, seed: int, budget: int) -> dict:
    with borrowed_server() as server:
        server.ready(STARTING)
    start = time.perf_counter()
    model = automl(data, seed, time_budget=budget).fit(data.X_train, data.y_train)
    seconds = time.perf_counter() - start
    board = model.leaderboard()
    spent = {name: _spent(board[board["family"] == name]) for name in FAMILIES}
    return _measured(
        data.score(model), seconds, len(board), data.score(model.only_best()), spent
    ) | {
        "lost": _spent(board[board["status"] != "ok"]),
        "top": int((board["rung"] == board["rung"].max()).sum()),
        "members": int((board["weight"] > 0).sum()),
        "validated": float(board["score"].iloc[0]),
    }


def _spent(board: pd.DataFrame) -> float:
    return float(board["seconds"].sum())


def _measured(
    score: float,
    seconds: float,
    num_trials: int,
    single: float = float("nan"),
    spent: dict | None = None,
) -> dict:
    spent = spent or dict.fromkeys(FAMILIES, 0.0)
    return {
        "score": score,
        "seconds": seconds,
        "load": os.getloadavg()[0],
        "num_trials": num_trials,
        "single": single,
        "lost": 0.0,
        "top": 0,
        "members": 0,
        "validated": float("nan"),
    } | {f"on_{name}": value for name, value in spent.items()}


_servers = contextlib.ExitStack()


@cache
def _h2o() -> object:
    """An H2O server for all rows, until `stop_h2o` or the end of the program."""
    return _servers.enter_context(h2o_server())


@atexit.register
def stop_h2o() -> None:
    """End the server that H2O's rows used, if there is one."""
    _servers.close()
    _h2o.cache_clear()


def comparable_row(row: dict) -> dict:
    """What of a clock row can be compared with another run: score and wall clock."""
    result = clock_row(row)
    return {name: result[name] for name in ("score", "seconds")}


UNTUNED = {
    "default forest": (RandomForestClassifier, RandomForestRegressor),
    "default boosting": (HistGradientBoostingClassifier, HistGradientBoostingRegressor),
}


def defaults_row(row: dict) -> dict:
    """An untuned model behind the schema's encoding."""
    data = split(row["table"], row["seed"])
    classifier, regressor = UNTUNED[row["system"]]
    model = (classifier if data.classification else regressor)(random_state=row["seed"])
    schema = Schema.read(data.X_train)
    start = time.process_time()
    model.fit(schema.encode(data.X_train), data.y_train)
    seconds = time.process_time() - start
    return {
        "score": data.score(model, schema.encode(data.X_test)),
        "seconds": seconds,
    }


def trials_row(row: dict) -> dict:
    """Our search under a number of trials, with and without its ensemble."""
    data = split(row["table"], row["seed"])
    model = automl(data, row["seed"], num_trials=NUM_TRIALS)
    model.fit(data.X_train, data.y_train)
    return {"score": data.score(model), "single": data.score(model.only_best())}


def _grid(systems: tuple[str, ...]) -> list[dict]:
    return [
        {"table": table, "seed": seed, "system": system}
        for seed in range(NUM_SEEDS)
        for table in TABLES
        for system in systems
    ]


CLOCK = Study(
    f"{CHAPTER}-clock", clock_row, _grid(SYSTEMS), ("seconds",), tolerance=0.1
)
STUDIES: dict[str, Study] = {
    "clock": CLOCK,
    "defaults": Study(
        f"{CHAPTER}-defaults",
        defaults_row,
        _grid(tuple(UNTUNED)),
        ("seconds",),
        tolerance=1e-6,
        timing_factor=20.0,  # a fit takes milliseconds, and the machine may be busy
    ),
    "trials": Study(
        f"{CHAPTER}-trials",
        trials_row,
        [{"table": t, "seed": s} for s in range(NUM_SEEDS) for t in TABLES],
        tolerance=0.01,
    ),
}
COMPARABLE_CLOCK = replace(CLOCK, run_row=comparable_row)
