"""What the rows of the fault-injection benchmark add up to.

Chapter: data/preparation. Every interval is over the seeds, which draw the split and the
faults; the tables are the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from mldev.data.preparation_benchmark import (
    KINDS,
    MEASURED_ON,
    Plain,
    skrub_pipeline,
    spoil,
    task,
)
from mldev.data.preparation_checks import unit_mixups
from mldev.data.preparation_findings import Case
from mldev.data.preparation_rivals import label_skill
from mldev.data.preparation_tasks import test_score
from mldev.experiments import Interval, interval, ratio_interval


def finding_rates(rows: pd.DataFrame) -> pd.DataFrame:
    """Precision and recall of each kind with intervals over seeds, all tables counted together.

    "any kind" is the recall of findings of all kinds, "all right" their precision.
    Counted together means that a table with many spoilt cells weighs more.
    """
    found = []
    for kind in KINDS:
        part = (
            rows[rows["kind"] == kind]
            .groupby("seed")[
                ["true", "false", "missed", "seen", "spoilt", "right", "flagged"]
            ]
            .sum()
        )
        hit = part["true"]
        found.append(
            {
                "kind": kind,
                "recall": interval(hit / (hit + part["missed"])),
                "precision": interval((hit / (hit + part["false"])).fillna(0)),
                "any kind": interval(part["seen"] / part["spoilt"]),
                "all right": interval((part["right"] / part["flagged"]).fillna(0)),
            }
        )
    return pd.DataFrame(found).set_index("kind")


def losses(rows: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """For each kind and method, the lost test score (points), mean over tables, with its interval over seeds."""
    found = []
    for kind in KINDS:
        part = rows[rows["kind"] == kind]
        for method in methods:
            lost = (part["clean"] - part[method]).groupby(part["seed"]).mean() * 100
            found.append({"kind": kind, "method": method, "lost": interval(lost)})
    return pd.DataFrame(found)


def by_kind(table: pd.DataFrame, method: str) -> dict[str, Interval]:
    """The rows of `losses` of one method, by kind of fault."""
    part = table[table["method"] == method]
    return dict(zip(part["kind"], part["lost"], strict=True))


def recovered(
    rows: pd.DataFrame, method: str, kinds: Sequence[str] = KINDS
) -> Interval:
    """The share of the score that the plain pipeline loses, which a method keeps; below 0 it loses more."""
    lost = lost_by_seed(rows, ("plain", method), kinds)
    ratio = ratio_interval(lost[method], lost["plain"])
    return Interval(1 - ratio.estimate, 1 - ratio.high, 1 - ratio.low, ratio.n)


def recovered_in_the_middle(
    rows: pd.DataFrame, method: str, kinds: Sequence[str], least: float = 0.005
) -> Interval:
    """The median share that a method keeps over pairs of table and kind; its interval is over seeds.

    Each pair counts alike; pairs in which plain loses less than `least` say nothing.
    """
    part = rows[rows["kind"].isin(list(kinds))]
    lost = {m: part["clean"] - part[m] for m in ("plain", method)}
    table = pd.DataFrame(lost).assign(**part[["table", "kind", "seed"]])
    usual = table.groupby(["table", "kind"])["plain"].transform("mean")
    table = table[(usual >= least) & (table["plain"] > 0)]
    share = 1 - table[method] / table["plain"]
    return interval(share.groupby(table["seed"]).median())


def lost_by_seed(
    rows: pd.DataFrame, methods: Sequence[str], kinds: Sequence[str] = KINDS
) -> pd.DataFrame:
    """The lost test score of each method for each seed, mean over tables and kinds."""
    part = rows[rows["kind"].isin(list(kinds))]
    lost = {method: part["clean"] - part[method] for method in methods}
    return pd.DataFrame(lost).groupby(part["seed"]).mean()


def per_table(rows: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """The lost score in points, mean over kinds and seeds, for each table and method."""
    part = rows[rows["kind"].isin(KINDS)]
    lost = {method: 100 * (part["clean"] - part[method]) for method in methods}
    return pd.DataFrame(lost).groupby(part["table"], sort=False).mean()


def gains(rows: pd.DataFrame, kind: str, method: str) -> pd.DataFrame:
    """The points that a method gains over plain for one kind: a row for each seed, a column for each table."""
    part = rows[rows["kind"] == kind]
    gain = part.assign(gain=100 * (part[method] - part["plain"]))
    return gain.pivot(index="seed", columns="table", values="gain")


def rival_rates(rows: pd.DataFrame, kind: str) -> dict[str, Interval]:
    """Precision and recall of the doctor and of a library's own finder on the same rows."""
    part = rows[(rows["kind"] == kind) & rows["rival true"].notna()]
    sums = part.groupby("seed")[
        [c for c in rows if c.split()[-1] in ("true", "false", "missed")]
    ].sum()
    rates = {}
    prefixes = {"doctor": "", "library": "rival ", "library, gated": "gated "}
    if kind == "outlier":  # a forest finds rows, so rows are counted for both
        prefixes["doctor"] = "rows "
    for name, prefix in prefixes.items():
        if sums[prefix + "true"].sum() + sums[prefix + "missed"].sum() == 0:
            continue
        hit, false, missed = (
            sums[prefix + what] for what in ("true", "false", "missed")
        )
        rates[f"recall, {name}"] = interval(hit / (hit + missed))
        rates[f"precision, {name}"] = interval(
            (hit / (hit + false)).replace(np.nan, 0.0)
        )
    return rates


def recall_by_table(rows: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    """The recall of some kinds in each table, seeds counted together."""
    part = rows[rows["kind"].isin(list(kinds))]
    sums = part.groupby(["kind", "table"], sort=False)[["true", "missed"]].sum()
    recall = sums["true"] / (sums["true"] + sums["missed"])
    return recall.unstack().loc[list(kinds)]


def unit_run(seed: int, factor: float) -> dict:
    """The recall of the check for units, with a tenth of each positive column in a unit `factor` times smaller."""
    rng, found, total = np.random.default_rng([seed, 9]), 0, 0
    for table in ("actg175", "breast_cancer", "diabetes"):
        frame = task(table, seed).X_train.select_dtypes("number")
        rich = [c for c in frame if frame[c].nunique() > 20 and (frame[c] > 0).all()]
        frame = frame[rich]
        hit = pd.DataFrame(rng.random(frame.shape) < 0.1, frame.index, frame.columns)
        case = Case(frame.mask(hit, factor * frame))
        for one in unit_mixups(case):
            found += int(hit[one.column].iloc[list(one.rows)].sum())
        total += int(hit.to_numpy().sum())
    return {"seed": seed, "recall": found / total}


def gate_run(seed: int) -> dict:
    """For each table, the skill of the model that judges labels, when some of them are wrong."""
    skills = {}
    for table in MEASURED_ON:
        spoilt, _, _ = spoil(task(table, seed), "label_error", seed)
        skills[table] = label_skill(spoilt.frame, spoilt.y)
    return {"seed": seed} | skills


STEPS = (
    *("invented date, alpha 1", "no date", "alpha tuned", "short texts"),
    "plain",
)


def skrub_run(
    seed: int,
    steps: Sequence[str] = STEPS,
    kind: str = "number_text",
    table: str = "diabetes",
) -> dict:
    """What skrub's pipeline scores on a spoilt table, changed step by step.

    Its default with a date that was invented and without shrinkage tuned; then without
    the date; then with tuned shrinkage; then with five numbers for a text, not thirty.
    """
    from sklearn.linear_model import Ridge
    from skrub import StringEncoder, tabular_pipeline

    dated, clean = task(table, seed, dates=True), task(table, seed)
    few = {"tablevectorizer__high_cardinality": StringEncoder(n_components=5)}
    ways = {
        "invented date, alpha 1": (dated, tabular_pipeline(Ridge())),
        "no date": (clean, tabular_pipeline(Ridge())),
        "alpha tuned": (clean, skrub_pipeline(clean)),
        "short texts": (clean, skrub_pipeline(clean).set_params(**few)),
        "plain": (clean, make_pipeline(Plain(), clean.model())),
    }
    result: dict = {"seed": seed}
    for name in steps:
        one, pipeline = ways[name]
        X, y, X_test = one.X_train, one.y_train, one.X_test
        if kind != "none":
            spoilt, X_test, _ = spoil(one, kind, seed)
            X, y = spoilt.frame, spoilt.y
        result[name] = test_score(one, pipeline, X, y, X_test)
    return result
