"""The experiments of the chapter "Responsible data management": real arrests, and loans whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mldev import datasets
from mldev.data.responsible_data import (
    disparity,
    resampling,
    reweighing,
    stratified_difference,
)
from mldev.data.responsible_data_contracts import learn
from mldev.experiments import Interval
from mldev.introduction.regression import fold_interval

RATIO = 0.5  # test rows over training rows: two thirds are learned from
WAYS = (
    "as recorded",
    "colour neutralised",
    "colour dropped",
    "resampled",
    "reweighed",
    "reweighed, colour dropped",
)
STRENGTHS = tuple(np.round(np.arange(0, 2.01, 0.25), 2))
SHARES = (0.5, 0.7, 0.9, 0.95)


@cache
def _arrests() -> pd.DataFrame:
    table = datasets.load("arrests")
    return table.X.assign(released=table.y)


def arrests_table() -> pd.DataFrame:
    """The arrests with their outcome, `released`, as a last column of zeros and ones; each call returns a copy."""
    return _arrests().copy()


def encoded(people: pd.DataFrame) -> pd.DataFrame:
    """The columns of the arrests as numbers; `black` comes first."""
    return pd.DataFrame(
        {
            "black": people["colour"] == "Black",
            "male": people["sex"] == "Male",
            "employed": people["employed"] == "Yes",
            "citizen": people["citizen"] == "Yes",
            "age": people["age"],
            "year": people["year"],
            "checks": people["checks"],
        }
    ).astype(float)


@cache
def numbers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The arrests as arrays, loaded once: features, outcome, and who was recorded as Black."""
    people = arrests_table()
    X, y = encoded(people).to_numpy(), people["released"].to_numpy()
    arrays = X, y, X[:, 0] == 1
    for array in arrays:
        array.setflags(write=False)
    return arrays


def logistic() -> BaseEstimator:
    """Standardised logistic regression."""
    return LogisticRegression(solver="newton-cholesky")


def fitted(
    X: np.ndarray, y: np.ndarray, weights: np.ndarray, model: Callable = logistic
) -> BaseEstimator:
    """A model behind a scaler, trained with a weight for each row."""
    pipeline = make_pipeline(StandardScaler(), model())
    return pipeline.fit(X, y, **{f"{pipeline.steps[-1][0]}__sample_weight": weights})


def decided(
    model: BaseEstimator, train: np.ndarray, test: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the test rows, and decisions: yes above the score that gives `share` of the training rows a yes."""
    limit = np.quantile(model.predict_proba(train)[:, 1], 1 - share)
    scores = model.predict_proba(test)[:, 1]
    return scores, scores >= limit


def measured(
    y: np.ndarray, scores: np.ndarray, decision: np.ndarray, group: np.ndarray
) -> dict[str, float]:
    """What the decisions do to the group, and how well they agree with the labels."""
    found = disparity(decision, y, group)
    return {
        "parity": found.parity,
        "opportunity": found.opportunity,
        "score gap": float(scores[group].mean() - scores[~group].mean()),
        "calibration": float((scores - y)[group].mean() - (scores - y)[~group].mean()),
        "accuracy": float(np.mean(decision == y)),
        "auc": float(roc_auc_score(y, scores)),
        "brier": float(brier_score_loss(y, scores)),
    }


def halves(num_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two thirds of the rows to learn from, one third to judge on."""
    order = np.random.default_rng(seed).permutation(num_rows)
    cut = round(num_rows / (1 + RATIO))
    return order[:cut], order[cut:]


def way_run(
    seed: int, ways: Sequence[str] = WAYS, model: Callable = logistic
) -> list[dict]:
    """One split of the arrests: each way of preparing the data, judged on the same other rows.

    "colour neutralised" learns with the column and scores without: everybody gets the same colour, so that no other
    column has had a reason to stand in for it.
    """
    X, y, black = numbers()
    train, test = halves(len(y), seed)
    rows = []
    for way in ways:
        columns = slice(1 if "colour dropped" in way else 0, None)
        use, weights, seen = train, np.ones(len(train)), X
        if way == "colour neutralised":
            seen = X.copy()
            seen[:, 0] = X[train, 0].mean()
        if "reweighed" in way:
            weights = reweighing(black[train], y[train])
        if way == "resampled":
            rng = np.random.default_rng(seed)
            use = train[resampling(black[train], y[train], rng)]
            weights = np.ones(len(use))
        learner = fitted(X[use, columns], y[use], weights, model)
        scores, decision = decided(
            learner, seen[train, columns], seen[test, columns], y[train].mean()
        )
        found = measured(y[test], scores, decision, black[test])
        rows.append({"seed": seed, "way": way} | found)
    recorded = y[test][black[test]].mean() - y[test][~black[test]].mean()
    return [row | {"recorded": float(recorded)} for row in rows]


def share_run(seed: int, shares: Sequence[float] = SHARES) -> list[dict]:
    """One split of the arrests: whom the police held, and whom one model holds at different shares released."""
    X, y, black = numbers()
    train, test = halves(len(y), seed)
    learner = fitted(X[train], y[train], np.ones(len(train)))
    usual = learner.predict(X[test])  # everybody whose score is above one half
    cases = {"police": y[test], "limit of 0.5": usual}
    cases["same share"] = decided(learner, X[train], X[test], y[train].mean())[1]
    for share in shares:
        released = decided(learner, X[train], X[test], share)[1]
        cases[f"{share:.0%}"] = released
    rows = []
    for who, released in cases.items():
        rates = released[black[test]].mean(), released[~black[test]].mean()
        row = {"seed": seed, "who": who, "released": float(released.mean())}
        row |= {"Black held": 1 - float(rates[0]), "White held": 1 - float(rates[1])}
        rows.append(row | {"gap": float(rates[0] - rates[1])})
    return rows


def strength_run(seed: int, strengths: Sequence[float] = STRENGTHS) -> list[dict]:
    """One split of the arrests: reweighing from not at all to far too much."""
    X, y, black = numbers()
    train, test = halves(len(y), seed)
    rows = []
    for strength in strengths:
        weights = reweighing(black[train], y[train], strength)
        learner = fitted(X[train], y[train], weights)
        scores, decision = decided(learner, X[train], X[test], y[train].mean())
        found = measured(y[test], scores, decision, black[test])
        for name, among in (("Black", black[test]), ("White", ~black[test])):
            found[f"released, {name}"] = float(decision[among].mean())
            released_by_police = among & (y[test] == 1)
            found[f"released too, {name}"] = float(decision[released_by_police].mean())
        rows.append({"seed": seed, "strength": float(strength)} | found)
    return rows


def people_difference(a: Sequence[float], b: Sequence[float] | float = 0.0) -> Interval:
    """The mean difference over splits, with the corrected interval: splits share people, so they are not new data."""
    differences = np.asarray(a, float) - np.asarray(b, float)
    low, high = fold_interval(differences, ratio=RATIO)
    return Interval(float(differences.mean()), low, high, len(differences))


LADDER = {
    "nothing": (),
    "+ checks": ("checks",),
    "+ employed, citizen": ("checks", "employed", "citizen"),
    "+ age, sex": ("checks", "employed", "citizen", "band", "sex"),
    "+ year": ("checks", "employed", "citizen", "band", "sex", "year"),
    "+ exact age": ("checks", "employed", "citizen", "age", "sex", "year"),
}


def with_bands(people: pd.DataFrame) -> pd.DataFrame:
    """The arrests with a column of age bands, fine where people are many."""
    edges = (0, 17, 21, 27, 37, 120)
    return people.assign(band=pd.cut(people["age"], edges, labels=False))


def loans(seed: int, label_bias: float, num_rows: int = 4000) -> tuple:
    """Synthetic borrowers: numbers, group B, the record (1: repaid), and what really happened."""
    table = datasets.load("credit", num_rows=num_rows, seed=seed, label_bias=label_bias)
    X = table.X
    far = X["district"].isin(["d5", "d6", "d7", "d8"])
    columns = [X["group"] == "B", far, np.log(X["income"]), np.log(X["loan"])]
    columns += [X[name] for name in ("debt_ratio", "late_payments", "years_employed")]
    features = np.column_stack(columns).astype(float)
    truth = 1 - table.truth.unbiased_y.to_numpy()
    return features, features[:, 0] == 1, 1 - table.y.to_numpy(), truth


def loan_run(
    seed: int, label_bias: float = 0.3, strengths: Sequence[float] = STRENGTHS[::2]
) -> list[dict]:
    """Train on falsified records, judge on new borrowers: by their records, and by what really happened."""
    X, group, record, _ = loans(seed, label_bias)
    X_new, group_new, record_new, truth_new = loans(seed + 10_000, label_bias)
    rows = []
    for strength in strengths:
        learner = fitted(X, record, reweighing(group, record, strength))
        scores, decision = decided(learner, X, X_new, record.mean())
        row = {"seed": seed, "strength": float(strength)}
        row["by the records"] = float(roc_auc_score(record_new, scores))
        row["by the truth"] = float(roc_auc_score(truth_new, scores))
        row["parity"] = disparity(decision, record_new, group_new).parity
        rows.append(row)
    return rows


def policing_run(
    seed: int, extra: float = 1.0, direct: float = 0.3, num_people: int = 5000
) -> dict[str, float]:
    """A made-up town where one group is checked more often for no reason, and held more often, too.

    Parameters
    ----------
    extra
        How many checks more the group has on average; the others have 1.
    direct
        How far its log-odds of release are lowered beyond what checks do.
    """
    rng = np.random.default_rng(seed)
    group = rng.random(num_people) < 0.3
    checks = np.minimum(rng.poisson(np.where(group, 1.0 + extra, 1.0)), 6)
    chance = 1 / (1 + np.exp(-(2.5 - 0.5 * checks - direct * group)))
    released = (rng.random(num_people) < chance).astype(float)
    alike = np.zeros(num_people, dtype=int)
    return {
        "all": stratified_difference(released, group, alike),
        "same checks": stratified_difference(released, group, checks),
    }


def false_alarm_run(seed: int, **known: dict[str, object]) -> float:
    """1 when a contract learned from two thirds of the arrests rejects the others, which have no fault."""
    people = arrests_table()
    train, test = halves(len(people), seed)
    contract = learn(people.iloc[train]).completed(**known)
    return float(len(contract.check(people.iloc[test])) > 0)


def noisy_gaps(
    epsilon: float, num_draws: int = 1000, seed: int = 0
) -> tuple[float, np.ndarray]:
    """The difference in release rates, exact and published with Laplace noise on the four counts behind it."""
    people = arrests_table()
    counts = pd.crosstab(people["colour"], people["released"]).to_numpy(float)
    rng = np.random.default_rng(seed)
    noisy = counts + rng.laplace(scale=1 / epsilon, size=(num_draws, 2, 2))

    def gap(table: np.ndarray) -> np.ndarray:
        rates = table[..., 1] / table.sum(axis=-1)
        return rates[..., 0] - rates[..., 1]

    return float(gap(counts)), gap(noisy)
