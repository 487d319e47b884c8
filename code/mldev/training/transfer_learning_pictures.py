"""The chapter's interactive chart: accuracy by the number of frozen layers, with the labels at hand."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mldev.experiments import interval
from mldev.plotting import PALETTE

DEPTHS = {"full": 0, "first frozen": 1, "partly frozen": 2, "frozen": 3}


def depth_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy in percent with its interval, by strategy and labels; `frozen` is -1 where nothing is reused."""
    table = []
    for strategy, depth in {**DEPTHS, "scratch": -1}.items():
        mine = rows[rows["strategy"] == strategy]
        for labels, part in mine.groupby("labels"):
            found = interval(100 * part["accuracy"].to_numpy())
            table.append(
                {
                    "frozen": depth,
                    "labels": int(labels),
                    "accuracy": round(found.estimate, 1),
                    "low": round(found.low, 1),
                    "high": round(found.high, 1),
                    "weights": "random" if depth < 0 else "pre-trained",
                }
            )
    return pd.DataFrame(table)


def depth_chart(table: pd.DataFrame) -> alt.LayerChart:
    """Frozen layers along the axis, a choice of label counts, and training from scratch as a band."""
    options = sorted(table["labels"].unique().tolist())
    choice = alt.binding_radio(options=options, name="labels per class ")
    labels = alt.param(name="labels_shown", value=options[1], bind=choice)
    shown = alt.Chart(table).transform_filter("datum.labels == labels_shown")
    reused = shown.transform_filter("datum.frozen >= 0")
    scratch = shown.transform_filter("datum.frozen < 0")
    x = alt.X(
        "frozen:O",
        title="layers frozen, counted from the image",
        axis=alt.Axis(labelAngle=0),
    )
    scale = alt.Scale(domain=[0, 100])
    y = alt.Y("accuracy:Q", title="accuracy (%)", scale=scale)
    color = alt.Color(
        "weights:N",
        title="weights at the start",
        scale=alt.Scale(
            domain=["pre-trained", "random"],
            range=[PALETTE["blue"], PALETTE["orange"]],
        ),
        legend=alt.Legend(orient="top", symbolOpacity=1),
    )
    tips = ["accuracy:Q", "low:Q", "high:Q"]
    points = reused.mark_point(filled=True, size=90, opacity=1).encode(
        x=x, y=y, color=color, tooltip=tips
    )
    bars = reused.mark_rule(strokeWidth=2).encode(
        x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q", color=color
    )
    line = scratch.mark_rule(strokeWidth=2, strokeDash=[6, 4]).encode(
        y=y, color=color, tooltip=tips
    )
    band = scratch.mark_rect(opacity=0.2).encode(
        y=alt.Y("low:Q", scale=scale), y2="high:Q", color=color
    )
    layers = (band + line + bars + points).add_params(labels)
    return layers.properties(width=480, height=320)
