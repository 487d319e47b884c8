"""The chapter's interactive charts and the tables behind them."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mldev.training.at_scale_data import NUM_TASKS
from mldev.training.at_scale_studies import LOOKS

RHYTHMS = {1: "every step", 10: "every 10 steps", 50: "every 50 steps"}


def skew_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean validation accuracy in percent, by skew, learning rate, rhythm and step."""
    federated = rows[rows["local_steps"] > 0]
    columns = {f"valid_{look}": look for look in LOOKS}
    long = federated.rename(columns=columns).melt(
        ["skew", "learning_rate", "local_steps"], list(columns.values()), "step"
    )
    means = long.groupby(["skew", "learning_rate", "local_steps", "step"])["value"]
    table = (100 * means.mean()).round(2).reset_index(name="accuracy")
    return table.assign(average=table.pop("local_steps").map(RHYTHMS))


def skew_chart(rows: pd.DataFrame) -> alt.Chart:
    """Accuracy over the steps for three rhythms of averaging, with selectors for skew and learning rate."""
    table = skew_table(rows)
    skew = alt.param(
        name="skew",
        value=0.1,
        bind=alt.binding_select(
            options=sorted(table["skew"].unique().tolist()), name="concentration α "
        ),
    )
    rate = alt.param(
        name="rate",
        value=0.3,
        bind=alt.binding_select(
            options=sorted(table["learning_rate"].unique().tolist()),
            name="learning rate ",
        ),
    )
    return (
        alt.Chart(table)
        .mark_line(point=True)
        .encode(
            alt.X("step:Q", title="steps", axis=alt.Axis(values=list(LOOKS))),
            alt.Y(
                "accuracy:Q",
                title="validation accuracy (%)",
                scale=alt.Scale(domain=[0, 100]),
            ),
            alt.Color(
                "average:N",
                title="average",
                sort=list(RHYTHMS.values()),
                legend=alt.Legend(orient="top"),
            ),
            alt.Shape("average:N", sort=list(RHYTHMS.values()), legend=None),
        )
        .transform_filter("datum.skew == skew && datum.learning_rate == rate")
        .add_params(skew, rate)
        .properties(width=420, height=260)
    )


def task_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy on each task after each task, in percent, long: columns task, after, accuracy."""
    found = [
        {
            "task": f"script {i + 1}",
            "after": t + 1,
            "accuracy": round(100 * float(rows[f"test_{t}_{i}"].mean()), 2),
        }
        for t in range(NUM_TASKS)
        for i in range(t + 1)
    ]
    return pd.DataFrame(found)


def strength_chart(rows: pd.DataFrame) -> alt.Chart:
    """Accuracy on each task over time, with a slider for the stiffness of the springs: rows of one learning rate."""
    elastic = rows[rows["method"].isin(["nothing", "elastic"])]
    table = pd.concat(
        [
            task_table(group).assign(strength=strength)
            for strength, group in elastic.groupby("strength")
        ]
    )
    choice = alt.param(
        name="strength",
        value=float(table["strength"].max()),
        bind=alt.binding_select(
            options=sorted(table["strength"].unique().tolist()), name="strength λ "
        ),
    )
    return (
        alt.Chart(table)
        .mark_line(point=True)
        .encode(
            alt.X("after:O", title="scripts learned", axis=alt.Axis(labelAngle=0)),
            alt.Y("accuracy:Q", title="accuracy (%)", scale=alt.Scale(domain=[0, 100])),
            alt.Color(
                "task:N",
                title="tested on",
                legend=alt.Legend(orient="top", columns=3),
            ),
            alt.Shape("task:N", legend=None),
        )
        .transform_filter("datum.strength == strength")
        .add_params(choice)
        .properties(width=420, height=260)
    )
