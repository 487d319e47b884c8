"""The chapter's interactive chart: a search step by step, who is alive and who votes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import altair as alt
import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from mldev.plotting import PALETTE
from mldev.techniques.automl_ensemble import greedy_selection
from mldev.techniques.automl_estimators import ensemble_rung, note, predictions
from mldev.techniques.automl_evaluation import Task, evaluate, predict_one
from mldev.techniques.automl_search import Clock, Proposer, Trial, halving_search
from mldev.techniques.automl_space import FAMILIES
from mldev.techniques.automl_workers import Outcome

LOWEST = 0.2  # scores below are drawn here; the tooltip has the true one


@dataclass(frozen=True)
class Story:
    """A search retold: the candidates after every step, and the ensemble's scores."""

    candidates: pd.DataFrame
    scores: pd.DataFrame


def tell(
    task: Task,
    X_test: np.ndarray,
    y_test: np.ndarray,
    num_trials: int = 20,
    seed: int = 0,
) -> Story:
    """Search without workers or clock, and look at everything after each evaluation."""
    candidates, scores, trials = [], [], []
    tested: dict[Path, np.ndarray] = {}

    def run(trial: Trial, rung: int, seconds: float) -> None:
        if trial not in trials:
            trials.append(trial)
        place = Path(folder) / f"{len(trials)}-{trials.index(trial)}-{rung}"
        place.mkdir()
        done = tuple(trial.folds)
        with warnings.catch_warnings():  # a network's epochs are what is searched
            warnings.simplefilter("ignore", ConvergenceWarning)
            results = evaluate(task, trial.candidate, rung, done, place)
        note(trial, task, Outcome("ok", results, "", 0.0), same_rows=True)
        for result, model in zip(trial.folds.values(), trial.load(), strict=True):
            if result.path not in tested:
                tested[result.path] = predict_one(model, X_test, task.num_classes)
        weights, found = vote(trials, task, tested, y_test)
        step = len(scores) + 1
        scores.append({"step": step} | found)
        candidates.extend(look(trials, weights, step, len(task.rungs)))

    with TemporaryDirectory() as folder:
        costs = [rung.num_folds * rung.share for rung in task.rungs]
        proposer = Proposer(list(FAMILIES.values()), np.random.default_rng(seed))
        halving_search(proposer, run, costs, Clock(None), num_trials)
    return Story(pd.DataFrame(candidates), pd.DataFrame(scores))


def vote(
    trials: list[Trial], task: Task, tested: dict, y_test: np.ndarray
) -> tuple[np.ndarray, dict]:
    """The ensemble of this moment: the trials' weights, and how it scores."""
    rung = ensemble_rung(trials, task.rungs)
    members = [trial for trial in trials if trial.rung >= rung]
    folds = range(task.rungs[rung].num_folds)
    rows = np.concatenate([task.rows(fold)[1] for fold in folds])
    seen = [predictions(trial, folds) for trial in members]
    chosen = greedy_selection(seen, task.y[rows], task.score)
    on_test = [
        np.mean([tested[r.path] for r in trial.folds.values()], axis=0)
        for trial in members
    ]
    found = {
        "validation": task.score(
            task.y[rows], sum(w * p for w, p in zip(chosen, seen, strict=True))
        ),
        "test": task.score(
            y_test, sum(w * p for w, p in zip(chosen, on_test, strict=True))
        ),
    }
    weights = {id(trial): w for trial, w in zip(members, chosen, strict=True)}
    return np.array([weights.get(id(trial), 0.0) for trial in trials]), found


def look(
    trials: list[Trial], weights: np.ndarray, step: int, num_rungs: int
) -> list[dict]:
    """One row for each candidate seen so far."""
    return [
        {
            "step": step,
            "candidate": place + 1,
            "family": trial.candidate.family.name,
            "score": round(trial.scores[-1], 4),
            "height": round(max(trial.scores[-1], LOWEST), 4),
            "state": "all folds" if trial.rung == num_rungs - 1 else "one fold",
            "weight": round(float(weight), 3),
        }
        for place, (trial, weight) in enumerate(zip(trials, weights, strict=True))
    ]


def story_chart(story: Story) -> alt.VConcatChart:
    """Candidates above, the ensemble's score by step below; a slider for the step."""
    last = int(story.scores["step"].max())
    slider = alt.binding_range(min=1, max=last, step=1, name="evaluations done ")
    now = alt.param(name="now", value=min(9, last), bind=slider)
    shown = alt.Chart(story.candidates).transform_filter("datum.step == now")
    dots = shown.mark_point(filled=True, opacity=0.85).encode(
        x=alt.X(
            "candidate:Q",
            title="candidate, in the order of arrival",
            scale=alt.Scale(domain=[0, int(story.candidates["candidate"].max()) + 1]),
        ),
        y=alt.Y(
            "height:Q", title="validated R²", scale=alt.Scale(domain=[LOWEST, 0.7])
        ),
        color=alt.Color(
            "family:N",
            scale=alt.Scale(domain=list(FAMILIES)),
            legend=alt.Legend(columns=2),
        ),
        shape=alt.Shape(
            "state:N",
            scale=alt.Scale(domain=["one fold", "all folds"]),
            title="seen on",
        ),
        size=alt.Size(
            "weight:Q",
            scale=alt.Scale(domain=[0, 1], range=[50, 700]),
            legend=None,
        ),
        tooltip=["family", "score", "state", "weight"],
    )
    curve = _curve(story.scores)
    above = dots.properties(height=230, width=480)
    below = curve.properties(height=110, width=480)
    return (
        alt.vconcat(above, below)
        .add_params(now)
        .resolve_legend(color="shared", shape="shared", strokeDash="shared")
        .configure_legend(orient="bottom")
    )


def _curve(scores: pd.DataFrame) -> alt.LayerChart:
    """The ensemble's scores by step, the present one marked."""
    lines = scores.melt("step", var_name="rows", value_name="R2").round(4)
    curve = (
        alt.Chart(lines)
        .mark_line()
        .encode(
            x=alt.X("step:Q", title="evaluations done"),
            y=alt.Y("R2:Q", title="ensemble's R²", scale=alt.Scale(zero=False)),
            strokeDash=alt.StrokeDash("rows:N", title="on"),
        )
    )
    mark = (
        alt.Chart(lines)
        .transform_filter("datum.step == now")
        .mark_point(filled=True, size=90, color=PALETTE["orange"])
        .encode(x="step:Q", y="R2:Q")
    )
    return curve + mark
