"""Is halving worth it? Candidates trained on every rung once, then searched in many orders.

The study keeps, for each candidate, its score and its price on every rung. A search
looks these up instead of training, on a clock that counts the recorded seconds, so
that hundreds of searches cost nothing.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from mldev.experiments import Interval
from mldev.studies import Study
from mldev.techniques.automl_estimators import NUM_FOLDS
from mldev.techniques.automl_evaluation import (
    CLASSIFICATION,
    Rung,
    Task,
    make_folds,
    predict_one,
    train_one,
)
from mldev.techniques.automl_schema import Schema
from mldev.techniques.automl_search import Clock, Trial, halving_search
from mldev.techniques.automl_space import FAMILIES, Candidate, draw
from mldev.techniques.automl_studies import CHAPTER, split

LADDER_TABLES = ("breast_cancer", "arrests", "diabetes")
NUM_CANDIDATES = 40
RUNGS = (Rung(1, 1.0), Rung(NUM_FOLDS, 1.0))
COSTS = [rung.num_folds * rung.share for rung in RUNGS]


def candidate(number: int) -> Candidate:
    """The candidate of this number: families in turn, hyperparameters at random."""
    family = list(FAMILIES.values())[number % len(FAMILIES)]
    return draw(family, np.random.default_rng(number))


def ladder_row(row: dict) -> dict:
    """One candidate on one table: its score and its processor seconds on each rung."""
    data = split(row["table"], 0)
    schema = Schema.read(data.X_train)
    classes = len(np.unique(data.y_train)) if data.metric in CLASSIFICATION else 0
    y = data.y_train
    y = y.astype(int) if classes else (y - y.mean()) / y.std()
    folds = make_folds(y, NUM_FOLDS, bool(classes), seed=0)
    task = Task(
        schema.encode(data.X_train),
        y,
        folds,
        RUNGS,
        classes,
        schema.is_categorical(),
        data.metric,
    )
    return _climb(task, candidate(row["candidate"]))


def _climb(task: Task, one: Candidate) -> dict:
    result, predicted, rows, start = {}, [], [], time.process_time()
    for fold in range(NUM_FOLDS):
        train, valid = task.rows(fold)
        model = train_one(task, one, train)
        predicted.append(predict_one(model, task.X[valid], task.num_classes))
        rows.append(valid)
        for place, rung in enumerate(RUNGS):
            if rung.num_folds == fold + 1:
                y = task.y[np.concatenate(rows)]
                result[f"score_{place}"] = task.score(y, np.concatenate(predicted))
                result[f"seconds_{place}"] = time.process_time() - start
    return result


STUDIES: dict[str, Study] = {
    "ladder": Study(
        f"{CHAPTER}-ladder",
        ladder_row,
        [
            {"table": table, "candidate": number}
            for table in LADDER_TABLES
            for number in range(NUM_CANDIDATES)
        ],
        ("seconds_0", "seconds_1"),
        tolerance=0.01,
        timing_factor=20.0,  # most fits take milliseconds, and the machine may be busy
    )
}


def replay(ladder: pd.DataFrame, seconds: float, seed: int, eta: int) -> float:
    """The best fully validated score that a search finds in so many recorded seconds.

    With `eta=1` every candidate is promoted at once: full cross-validation for all.
    """
    order = np.random.default_rng(seed).permutation(len(ladder))
    scores = ladder[["score_0", "score_1"]].to_numpy()[order]
    prices = ladder[["seconds_0", "seconds_1"]].to_numpy()[order]
    prices[:, 1] -= prices[:, 0]
    now = 0.0

    def evaluate(trial: Trial, rung: int, left: float) -> None:
        nonlocal now
        price = prices[trial.candidate, rung]
        now += min(price, left)
        trial.seconds.append(price)
        trial.status = "ok" if price <= left else "too slow"
        if trial.status == "ok":
            trial.scores.append(scores[trial.candidate, rung])

    clock = Clock(seconds, now=lambda: now)
    trials = halving_search(len, evaluate, COSTS, clock, len(ladder), eta)
    full = [trial.scores[1] for trial in trials if trial.rung == 1]
    return max(full, default=float(ladder["score_1"].min()))


def halving_gain(
    ladder: pd.DataFrame,
    share: float,
    num_draws: int = 100,
    num_orders: int = 4,
    eta: int = 3,
) -> Interval:
    """By how much halving finds a better score than full training at the same price.

    The price is a share of what all candidates cost in full. The estimate is the mean
    over orders of the candidates; its interval comes from drawing the candidates again,
    with replacement, since other candidates might have been recorded.
    """

    def gain(rows: pd.DataFrame, orders: range) -> float:
        seconds = share * rows["seconds_1"].sum()
        return float(
            np.mean(
                [
                    replay(rows, seconds, order, eta) - replay(rows, seconds, order, 1)
                    for order in orders
                ]
            )
        )

    rng = np.random.default_rng(0)
    drawn = [
        gain(
            ladder.iloc[rng.integers(len(ladder), size=len(ladder))],
            range(draw * num_orders, (draw + 1) * num_orders),
        )
        for draw in range(num_draws)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(
        gain(ladder, range(num_draws)), float(low), float(high), len(ladder)
    )
