"""The chapter's drawings: nested fields, the images, and a chart that lets the reader learn a threshold."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from mldev.introduction.what_is_ai import Digits
from mldev.plotting import COLORS, TEXT

SHOWN = 100  # images of each digit in the chart


def draw_fields(ax: Axes, fields: Sequence[tuple[str, str]]) -> None:
    """Nested fields, the outermost first; each with a name and what of this page belongs to it."""
    for depth, (name, example) in enumerate(fields):
        width, height = 1 - 0.2 * depth, 1 - 0.3 * depth
        middle = (0.5, height / 2 + 0.02)
        color = COLORS[depth]
        ax.add_patch(Ellipse(middle, width, height, color=color, alpha=0.13))
        ax.add_patch(
            Ellipse(middle, width, height, fill=False, edgecolor=color, lw=1.8)
        )
        top = 0.02 + height - (0.09 if depth < len(fields) - 1 else 0.12)
        ax.text(0.5, top, name, ha="center", va="center", weight="bold")
        ax.text(0.5, top - 0.07, example, ha="center", va="top", fontsize=9)
    ax.set(xlim=(-0.02, 1.02), ylim=(0, 1.04))
    ax.axis("off")


def montage(data: Digits, per_class: int) -> np.ndarray:
    """The first images of each digit side by side, one digit to a row."""
    rows = [
        np.concatenate(list(data.X[data.y == digit][:per_class].reshape(-1, 28, 28)), 1)
        for digit in np.unique(data.y)
    ]
    return np.concatenate(rows)


def image_table(
    data: Digits, pair: tuple[int, int], names: Sequence[str]
) -> pd.DataFrame:
    """One row per image and feature, with a height inside its digit's band so that dots do not hide each other."""
    parts = []
    for place, digit in enumerate(pair):
        rows = data.features[data.y == digit].iloc[:SHOWN]
        heights = place + np.random.default_rng(digit).uniform(-0.3, 0.3, len(rows))
        for name in names:
            part = {"feature": name, "value": rows[name].to_numpy(), "height": heights}
            parts.append(pd.DataFrame(part).round(3).assign(digit=str(digit)))
    return pd.concat(parts, ignore_index=True)


def accuracy_table(images: pd.DataFrame, second: int) -> pd.DataFrame:
    """The share of the shown images that each threshold gets right, for each feature."""
    rows = []
    for name, group in images.groupby("feature", sort=False):
        is_second = group["digit"] == str(second)
        for step in range(51):
            right = (group["value"] > step / 50) == is_second
            rows.append((name, step / 50, round(float(right.mean()), 3)))
    return pd.DataFrame(rows, columns=["feature", "threshold", "accuracy"])


def threshold_chart(images: pd.DataFrame, pair: tuple[int, int]) -> alt.VConcatChart:
    """Images by one feature above, accuracy by threshold below; a slider and a list move both."""
    names = list(images["feature"].unique())
    slider = alt.binding_range(min=0, max=1, step=0.02, name="threshold ")
    cut = alt.param(name="cut", value=0.1, bind=slider)
    choice = alt.binding_select(options=names, name="feature ")
    seen = alt.param(name="seen", value=names[0], bind=choice)
    x = alt.Scale(domain=[0, 1])
    digit = alt.Color("digit:N", title="digit", legend=alt.Legend(orient="top"))
    height = alt.Y("height:Q", axis=None, scale=alt.Scale(domain=[-0.5, 1.5]))
    value = alt.X("value:Q", scale=x, title="value of the feature")
    dots = alt.Chart(images).transform_filter("datum.feature == seen")
    dots = dots.mark_point(filled=True, opacity=0.6).encode(
        x=value, y=height, color=digit, shape="digit:N"
    )
    curve = alt.Chart(accuracy_table(images, pair[1]))
    curve = curve.transform_filter("datum.feature == seen")
    at = curve.transform_filter("abs(datum.threshold - cut) < 0.001")
    place = alt.X("threshold:Q", scale=x, title="threshold")
    share = alt.Y("accuracy:Q", title="share right", scale=alt.Scale(domain=[0.3, 1]))
    line = at.mark_rule(strokeWidth=2, color=TEXT).encode(x=place)
    label = at.mark_text(dy=-12, fontSize=14, color=TEXT).encode(
        x=place, y=share, text=alt.Text("accuracy:Q", format=".0%")
    )
    below = (
        curve.mark_line(color=COLORS[2]).encode(x=place, y=share)
        + at.mark_point(filled=True, size=90, color=TEXT).encode(x=place, y=share)
        + label
    )
    return alt.vconcat(
        (dots + line).properties(height=150), below.properties(height=140)
    ).add_params(cut, seen)
