"""One evaluation: train a candidate on some folds, keep its models and predictions."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import rankdata
from sklearn.model_selection import KFold, StratifiedKFold

from mldev.techniques.automl_space import Candidate, Situation


def log_loss(y: np.ndarray, predicted: np.ndarray) -> float:
    """Mean log probability of what happened; larger is better."""
    return float(np.log(np.clip(predicted[np.arange(len(y)), y], 1e-6, 1)).mean())


def accuracy(y: np.ndarray, predicted: np.ndarray) -> float:
    """Share of rows whose most probable class is theirs."""
    return float((predicted.argmax(axis=1) == y).mean())


def roc_auc(y: np.ndarray, predicted: np.ndarray) -> float:
    """Chance that a random row of class 1 is ranked above a random row of class 0."""
    positive = y == 1
    num_positive, num_negative = positive.sum(), (~positive).sum()
    if not num_positive or not num_negative:
        return 0.5
    ranks = rankdata(predicted[:, 1])[positive].sum()
    area = ranks - num_positive * (num_positive + 1) / 2
    return float(area / (num_positive * num_negative))


def r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the variance explained."""
    spread = ((y - y.mean()) ** 2).sum()
    if spread == 0:
        return 0.0
    return float(1 - ((y - predicted) ** 2).sum() / spread)


def mae(y: np.ndarray, predicted: np.ndarray) -> float:
    """Minus the mean absolute error, in standard deviations of the target."""
    return float(-np.abs(y - predicted).mean())


Metric = Callable[[np.ndarray, np.ndarray], float]
CLASSIFICATION: dict[str, Metric] = {
    "log_loss": log_loss,
    "accuracy": accuracy,
    "roc_auc": roc_auc,
}
REGRESSION: dict[str, Metric] = {"r2": r2, "mae": mae}


@dataclass(frozen=True)
class Rung:
    """How much an evaluation trains: on so many folds, on this share of their rows."""

    num_folds: int
    share: float


@dataclass(frozen=True)
class Task:
    """What every evaluation needs: encoded rows, targets, folds, rungs and metric.

    `y` holds class numbers, or standardised targets; `folds` the fold of each row.
    """

    X: np.ndarray
    y: np.ndarray
    folds: np.ndarray
    rungs: tuple[Rung, ...]
    num_classes: int  # 0 in regression
    categorical: np.ndarray
    metric: str

    def rows(self, fold: int, share: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Training and validation rows of a fold; of a share, the first ones."""
        train = np.flatnonzero(self.folds != fold)
        valid = np.flatnonzero(self.folds == fold)
        return train[: max(2, round(share * len(train)))], valid

    def score(self, y: np.ndarray, predicted: np.ndarray) -> float:
        """The metric; larger is better."""
        return (CLASSIFICATION if self.num_classes else REGRESSION)[self.metric](
            y, predicted
        )


@dataclass(frozen=True)
class FoldResult:
    """What one fold left: predictions for its validation rows, and the model's file."""

    predicted: np.ndarray
    path: Path


def make_rungs(
    num_rows: int, num_folds: int, eta: int = 3, least: int = 10_000
) -> tuple[Rung, ...]:
    """The ladder: shares of one fold while they have enough rows, one fold, all folds."""
    rows, shares = num_rows * (num_folds - 1) / num_folds, [1.0]
    while rows * shares[0] / eta >= least:
        shares.insert(0, shares[0] / eta)
    return (*(Rung(1, share) for share in shares), Rung(num_folds, 1.0))


def make_folds(y: np.ndarray, num_folds: int, classes: bool, seed: int) -> np.ndarray:
    """The fold of each row, classes spread evenly."""
    splitter = (StratifiedKFold if classes else KFold)(
        num_folds, shuffle=True, random_state=seed
    )
    folds = np.empty(len(y), dtype=int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes smaller than the number of folds
        if classes and np.bincount(y).max() < num_folds:
            splitter = KFold(num_folds, shuffle=True, random_state=seed)
        for fold, (_, rows) in enumerate(splitter.split(y, y)):
            folds[rows] = fold
    return folds


def evaluate(
    task: Task, candidate: Candidate, rung: int, done: tuple[int, ...], folder: Path
) -> dict[int, FoldResult]:
    """Train a candidate on the folds of a rung that are not done; runs in a child."""
    results = {}
    for fold in range(task.rungs[rung].num_folds):
        if fold not in done:
            train, valid = task.rows(fold, task.rungs[rung].share)
            model = train_one(task, candidate, train)
            predicted = predict_one(model, task.X[valid], task.num_classes)
            if not np.isfinite(predicted).all():
                raise ValueError("predictions are not finite")
            path = folder / f"{fold}.pickle"
            path.write_bytes(pickle.dumps(model, protocol=5))
            results[fold] = FoldResult(predicted, path)
    return results


def train_one(task: Task, candidate: Candidate, rows: np.ndarray) -> object:
    """Build and fit the candidate's model on some rows."""
    about = Situation(
        bool(task.num_classes), task.categorical, len(rows), candidate.seed
    )
    model = candidate.family.build(candidate.params, about)
    return model.fit(task.X[rows], task.y[rows])


def predict_one(model: object, X: np.ndarray, num_classes: int) -> np.ndarray:
    """Probabilities (rows, classes), or predicted targets (rows,)."""
    if not num_classes:
        return np.asarray(model.predict(X), dtype=float).reshape(len(X))
    probabilities = np.zeros((len(X), num_classes))
    probabilities[:, model.classes_] = model.predict_proba(X)
    return probabilities
