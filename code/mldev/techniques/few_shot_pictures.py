"""The chapter's interactive chart: prototypes that move as examples are added."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from mldev.plotting import COLORS
from mldev.techniques.few_shot_episodes import Characters, Episodes


def short_name(pool: Characters, index: int) -> str:
    """Such as "xeh (Armenian)"."""
    words = pool.names[index].lower().split(" ")
    plain = [w for w in words if w not in ("letter", "small", "capital", "form")]
    return f"{' '.join(plain[1:])} ({pool.scripts[index]})"


def plane(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of some rows and their two directions of largest variance: (D,), (D, 2)."""
    mean = features.mean(axis=0)
    directions = np.linalg.svd(features - mean, full_matrices=False)[2][:2].T
    return mean, directions * np.sign(directions.sum(axis=0))


def prototype_tables(
    spaces: dict[str, np.ndarray], episode: Episodes, labels: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The queries, with a digit per number of shots that says whether each is answered rightly, and the prototypes.

    Parameters
    ----------
    spaces
        Features of the pool by name: (classes, drawings, D).
    episode
        One episode with as many shots as the slider reaches.
    labels
        The names of its classes.
    """
    points, means = [], []
    for space, features in spaces.items():
        support, query = (part[0] for part in episode.of(features))  # (N, K, D)
        mean, directions = plane(query.reshape(-1, query.shape[-1]))
        flat = (query - mean) @ directions
        right = [
            _right(support[:, : k + 1].mean(axis=1), query)
            for k in range(support.shape[1])
        ]
        for way, label in enumerate(labels):
            for place, (x, y) in enumerate(flat[way]):
                bits = "".join(str(int(r[way, place])) for r in right)
                points.append(
                    {"space": space, "x": x, "y": y, "character": label, "right": bits}
                )
            for k in range(support.shape[1]):
                x, y = (support[way, : k + 1].mean(axis=0) - mean) @ directions
                means.append(
                    {"space": space, "x": x, "y": y, "character": label, "shots": k + 1}
                )
    return pd.DataFrame(points).round(3), pd.DataFrame(means).round(3)


def _right(centres: np.ndarray, query: np.ndarray) -> np.ndarray:
    apart = ((query[:, :, None] - centres) ** 2).sum(axis=-1)
    return apart.argmin(axis=-1) == np.arange(len(centres))[:, None]


def prototype_chart(points: pd.DataFrame, means: pd.DataFrame) -> alt.LayerChart:
    """Queries as dots, prototypes as diamonds; a slider for the shots and a list of feature spaces."""
    spaces = list(points["space"].unique())
    ends = {"min": 1, "max": int(means["shots"].max()), "step": 1}
    slider = alt.binding_range(name="shots ", **ends)
    shots = alt.param(name="shots", value=1, bind=slider)
    choice = alt.binding_select(options=spaces, name="features ")
    space = alt.param(name="space", value=spaces[-1], bind=choice)
    color = _color()
    axis = {
        "axis": alt.Axis(ticks=False, labels=False, grid=False),
        "scale": alt.Scale(zero=False),
    }
    x, y = (
        alt.X("x:Q", title="first direction", **axis),
        alt.Y("y:Q", title="second direction", **axis),
    )
    here = "datum.space == space"
    answered = (
        alt.Chart(points)
        .transform_filter(here)
        .transform_calculate(
            answer="substring(datum.right, shots - 1, shots) == '1' ? 'right' : 'wrong'"
        )
    )
    dots = answered.mark_point(size=55, strokeWidth=2).encode(
        x=x,
        y=y,
        color=color,
        shape=_shape(),
        tooltip=["character:N", "answer:N"],
    )
    diamonds = (
        alt.Chart(means)
        .transform_filter(f"{here} && datum.shots == shots")
        .mark_point(shape="diamond", size=320, filled=True, opacity=0.9)
        .encode(x=x, y=y, color=color, tooltip=["character:N"])
    )
    return (dots + diamonds).add_params(shots, space).properties(height=340)


def _color() -> alt.Color:
    return alt.Color(
        "character:N",
        scale=alt.Scale(range=COLORS[:5]),
        legend=alt.Legend(orient="bottom", columns=2, title=None),
    )


def _shape() -> alt.Shape:
    return alt.Shape(
        "answer:N",
        scale=alt.Scale(domain=["right", "wrong"], range=["circle", "cross"]),
        legend=alt.Legend(orient="top", title="query answered"),
    )
