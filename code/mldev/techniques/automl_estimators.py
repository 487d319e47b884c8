"""`AutoMLClassifier` and `AutoMLRegressor`: from a table to an ensemble, on time."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from mldev.techniques.automl_ensemble import greedy_selection
from mldev.techniques.automl_evaluation import (
    CLASSIFICATION,
    REGRESSION,
    Rung,
    Task,
    evaluate,
    make_folds,
    make_rungs,
    predict_one,
)
from mldev.techniques.automl_schema import Schema, as_frame
from mldev.techniques.automl_search import (
    Clock,
    Proposer,
    Trial,
    halving_search,
)
from mldev.techniques.automl_space import FAMILIES, Family
from mldev.techniques.automl_workers import Server, borrowed_server

RESERVE = 0.04  # share of the time budget kept for the ensemble
NUM_FOLDS = 5
MIN_MEMBERS = 3  # fewer trials on a rung make no ensemble
MAX_MEMBERS = 20  # candidates that enter the ensemble selection


class _AutoML(BaseEstimator):
    """What classifier and regressor share: validate, search, select, predict."""

    _metrics: dict
    _default_metric: str

    def __init__(
        self,
        time_budget: float | None = 60.0,
        num_trials: int | None = None,
        metric: str | None = None,
        families: Sequence[str | Family] = tuple(FAMILIES),
        candidate_seconds: float = 60.0,
        candidate_megabytes: float = 1000.0,
        random_state: int | None = None,
    ) -> None:
        self.time_budget = time_budget
        self.num_trials = num_trials
        self.metric = metric
        self.families = families
        self.candidate_seconds = candidate_seconds
        self.candidate_megabytes = candidate_megabytes
        self.random_state = random_state

    def fit(self, X: object, y: object) -> _AutoML:
        """Search within the budget, then keep the best ensemble found."""
        clock = Clock(self.time_budget)
        families = self._checked()
        X = as_frame(X)
        validate_data(self, X, skip_check_array=True)
        self.schema_ = Schema.read(X)
        encoded = self.schema_.encode(X)
        task = self._task(encoded, self._read_target(y, len(encoded)))
        reserve = 0 if clock.seconds is None else RESERVE * clock.seconds
        with borrowed_server() as server, tempfile.TemporaryDirectory() as folder:
            self.trials_ = []
            if server.ready(clock.left() - reserve):
                server.give(task)
                self.trials_ = self._search(
                    task, families, server, Path(folder), clock, reserve
                )
            self._select(task, clock, reserve)
        self.seconds_ = clock.spent()
        return self

    def leaderboard(self) -> pd.DataFrame:
        """All candidates, the best first: how far each came, its score, weight and fate."""
        check_is_fitted(self)
        rows = [
            {
                "candidate": str(trial.candidate),
                "family": trial.candidate.family.name,
                "rung": trial.rung + 1,
                "score": trial.scores[-1] if trial.scores else np.nan,
                "weight": weight,
                "seconds": sum(trial.seconds),
                "status": trial.status,
                "note": trial.note,
            }
            for trial, weight in zip(self.trials_, self.weights_, strict=True)
        ]
        table = pd.DataFrame(rows, columns=BOARD)
        order = ["rung", "score"]
        return table.sort_values(
            order, ascending=False, kind="stable", ignore_index=True
        )

    def _search(
        self,
        task: Task,
        families: list[Family],
        server: Server,
        folder: Path,
        clock: Clock,
        reserve: float,
    ) -> list[Trial]:
        def run(trial: Trial, rung: int, seconds: float) -> None:
            place = folder / f"{id(trial)}-{rung}"
            place.mkdir()
            same = rung and task.rungs[rung].share == task.rungs[rung - 1].share
            done = tuple(trial.folds) if same else ()
            trial.started.append(clock.spent())
            outcome = server.run(
                evaluate,
                *(trial.candidate, rung, done, place),
                seconds=max(0.0, min(seconds, self.candidate_seconds)),
                megabytes=self.candidate_megabytes,
            )
            note(trial, task, outcome, same)

        searching = Clock(None if clock.seconds is None else clock.seconds - reserve)
        searching.start = clock.start
        rng = np.random.default_rng(self.random_state)
        rungs = [rung.num_folds * rung.share for rung in task.rungs]
        return halving_search(
            Proposer(families, rng, frugal=clock.seconds is not None),
            *(run, rungs, searching, self.num_trials),
        )

    def _select(self, task: Task, clock: Clock, reserve: float) -> None:
        """Weigh the trials that were validated on the same rows, and load their models."""
        rung = ensemble_rung(self.trials_, task.rungs)
        finished = [t for t in self.trials_ if t.rung >= rung and t.status == "ok"]
        finished.sort(key=lambda t: (t.rung, t.scores[-1]), reverse=True)
        finished = finished[:MAX_MEMBERS] if rung >= 0 else []
        chosen = np.zeros(0)
        if finished:
            folds = range(task.rungs[rung].num_folds)
            rows = np.concatenate([task.rows(fold)[1] for fold in folds])
            chosen = greedy_selection(
                [predictions(trial, folds) for trial in finished],
                task.y[rows],
                task.score,
                go_on=lambda: clock.left() > reserve / 2,
            )
        weights = {id(t): w for t, w in zip(finished, chosen, strict=True)}
        self.weights_ = np.array([weights.get(id(t), 0.0) for t in self.trials_])
        self.members_ = [
            Member(float(weights[id(trial)]), trial.load())
            for trial in finished
            if weights[id(trial)] > 0 or trial is finished[0]
        ]
        for trial in self.trials_:
            trial.folds = {}

    def only_best(self) -> _AutoML:
        """The same estimator without its ensemble: the best candidate alone predicts."""
        check_is_fitted(self)
        alone = copy.copy(self)
        alone.members_ = [replace(best, weight=1.0) for best in self.members_[:1]]
        return alone

    def _predict(self, X: object) -> np.ndarray:
        check_is_fitted(self)
        X = as_frame(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        encoded = self.schema_.encode(X)
        total = np.zeros((len(encoded), *self.fallback_.shape))
        for member in self.members_:
            for model in member.models if member.weight else ():
                predicted = predict_one(model, encoded, self._num_classes)
                total += member.weight / len(member.models) * predicted
        return total if self.members_ else total + self.fallback_

    def _task(self, X: np.ndarray, y: np.ndarray) -> Task:
        if len(y) < 2:
            raise ValueError(
                "n_samples=1: X has one row; at least 2 are needed for validation"
            )
        num_folds = min(len(y), NUM_FOLDS)
        seed = int(np.random.default_rng(self.random_state).integers(2**31))
        return Task(
            X=X,
            y=y,
            folds=make_folds(y, num_folds, bool(self._num_classes), seed),
            rungs=make_rungs(len(y), num_folds),
            num_classes=self._num_classes,
            categorical=self.schema_.is_categorical(),
            metric=self._metric_name(),
        )

    def _metric_name(self) -> str:
        name = self._default_metric if self.metric is None else self.metric
        if name not in self._metrics:
            raise ValueError(
                f"metric {name!r}; allowed: {', '.join(self._metrics)}, or None"
            )
        if name == "roc_auc" and self._num_classes != 2:
            raise ValueError(
                f"metric 'roc_auc' needs two classes, y has {self._num_classes}"
            )
        return name

    def _checked(self) -> list[Family]:
        """The families, after a look at every other parameter."""
        if self.time_budget is None and self.num_trials is None:
            raise ValueError(
                "time_budget and num_trials are both None; one must end the search"
            )
        for name in (
            "time_budget",
            "num_trials",
            "candidate_seconds",
            "candidate_megabytes",
        ):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(
                    f"{name} is {value!r}; allowed: a number above 0, or None"
                )
        unknown = [
            f for f in self.families if not isinstance(f, Family) and f not in FAMILIES
        ]
        if unknown or not len(self.families):
            raise ValueError(
                f"families holds {unknown}; allowed: at least one of {', '.join(FAMILIES)}, "
                "or a Family of your own"
            )
        return [f if isinstance(f, Family) else FAMILIES[f] for f in self.families]

    def __sklearn_tags__(self) -> object:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags


@dataclass(frozen=True)
class Member:
    """A candidate of the ensemble: its weight, and its models, one for each fold."""

    weight: float
    models: tuple[object, ...]


BOARD = ["candidate", "family", "rung", "score", "weight", "seconds", "status", "note"]


def note(trial: Trial, task: Task, outcome: object, same_rows: bool) -> None:
    """Write an evaluation's outcome into its trial."""
    trial.seconds.append(outcome.seconds)
    trial.status = outcome.status
    trial.note = outcome.note or trial.note
    if outcome.status == "ok":
        trial.folds = {**(trial.folds if same_rows else {}), **outcome.value}
        folds = sorted(trial.folds)
        rows = np.concatenate([task.rows(fold)[1] for fold in folds])
        trial.scores.append(task.score(task.y[rows], predictions(trial, folds)))


def predictions(trial: Trial, folds: Iterable[int]) -> np.ndarray:
    """What a trial's models predicted for the validation rows of these folds."""
    return np.concatenate([trial.folds[fold].predicted for fold in folds])


def ensemble_rung(trials: list[Trial], rungs: Sequence[Rung]) -> int:
    """The highest rung that enough trials climbed to make an ensemble.

    Where no rung with all training rows has enough, the highest that anyone climbed.
    """
    climbed = [t.rung for t in trials if t.status == "ok"]
    for rung in reversed(range(len(rungs))):
        if sum(r >= rung for r in climbed) >= MIN_MEMBERS and rungs[rung].share == 1:
            return rung
    return max(climbed, default=-1)


class AutoMLClassifier(ClassifierMixin, _AutoML):
    """Chooses, tunes and joins classifiers within a time or trial budget.

    Parameters
    ----------
    time_budget
        Seconds for `fit`; None for no limit.
    num_trials
        Candidates to try; None for as many as the time allows. With `time_budget=None`
        and an integer `random_state` the result is the same at every run.
    metric
        "log_loss" (None), "accuracy" or, for two classes, "roc_auc".
    families
        Names out of `FAMILIES`, or `Family` objects of your own.
    candidate_seconds, candidate_megabytes
        Where one evaluation is killed: its time, and the memory that it adds.
    random_state
        The seed of folds, candidates and models.
    """

    _metrics = CLASSIFICATION
    _default_metric = "log_loss"

    def _read_target(self, y: object, num_rows: int) -> np.ndarray:
        y = _target(y, num_rows)
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has only one class, {self.classes_[0]!r}; at least 2 classes are needed"
            )
        codes = encoder.transform(y)
        self.fallback_ = np.bincount(codes) / len(codes)
        return codes

    @property
    def _num_classes(self) -> int:
        return len(self.classes_)

    def predict_proba(self, X: object) -> np.ndarray:
        """Probability of each class, in the order of `classes_`."""
        return self._predict(X)

    def predict(self, X: object) -> np.ndarray:
        """The most probable class of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]


class AutoMLRegressor(RegressorMixin, _AutoML):
    """Chooses, tunes and joins regressors; parameters as for `AutoMLClassifier`.

    The metrics are "r2" (None) and "mae".
    """

    _metrics = REGRESSION
    _default_metric = "r2"
    _num_classes = 0

    def _read_target(self, y: object, num_rows: int) -> np.ndarray:
        y = _target(y, num_rows).astype(float)
        if not np.isfinite(y).all():
            raise ValueError("y holds NaN or infinity; allowed: finite numbers")
        self.center_, self.spread_ = float(y.mean()), float(y.std()) or 1.0
        self.fallback_ = np.zeros(())
        return (y - self.center_) / self.spread_

    def predict(self, X: object) -> np.ndarray:
        """The predicted target of each row."""
        standardised = self._predict(X)
        return self.center_ + self.spread_ * standardised


def _target(y: object, num_rows: int) -> np.ndarray:
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None")
    y = column_or_1d(y, warn=True)
    if len(y) != num_rows:
        raise ValueError(
            f"X has {num_rows} rows and y has {len(y)}: inconsistent numbers of samples"
        )
    if pd.isna(y).any():
        raise ValueError(
            f"y holds {pd.isna(y).sum()} missing values (NaN); drop these rows"
        )
    return y
