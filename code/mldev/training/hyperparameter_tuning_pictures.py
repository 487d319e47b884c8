"""The chapter's interactive chart: the belief of a Gaussian process and what it makes of it, trial by trial."""

from collections.abc import Callable, Sequence

import altair as alt
import numpy as np
import pandas as pd

from mldev.plotting import COLORS, PALETTE

XIS = (0, 0.1, 0.2, 0.3, 0.5)
# After some trials and with some xi: targets, mean, standard deviation and expected improvement, along the axis.
Think = Callable[
    [Sequence[int], float], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
]


def belief_table(think: Think, tried: Sequence[int], rates: np.ndarray) -> pd.DataFrame:
    """Mean, band and expected improvement (as a share of its maximum) after 3, 4, ... trials, for each xi."""
    parts = []
    for n in range(3, len(tried) + 1):
        for xi in XIS:
            _, mean, std, gain = think(tried[:n], xi)
            curves = {
                "rate": rates,
                "mean": mean,
                "low": mean - 2 * std,
                "high": mean + 2 * std,
            }
            curves["gain"] = gain / gain.max()
            parts.append(
                pd.DataFrame(curves).iloc[::2].round(5).assign(trials=n, xi=xi)
            )
    return pd.concat(parts, ignore_index=True)


def trial_table(think: Think, tried: Sequence[int], rates: np.ndarray) -> pd.DataFrame:
    """The trials made by then, and the scores that the model sees."""
    parts = [
        pd.DataFrame(
            {
                "rate": rates[list(tried[:n])],
                "score": think(tried[:n], 0)[0],
                "trials": n,
            }
        )
        for n in range(3, len(tried) + 1)
    ]
    return pd.concat(parts, ignore_index=True).round(5)


def belief_chart(beliefs: pd.DataFrame, trials: pd.DataFrame) -> alt.VConcatChart:
    """Mean, band and trials above, expected improvement below; a slider for the number of trials and a list for xi."""
    slider = alt.binding_range(
        min=3, max=int(beliefs["trials"].max()), step=1, name="number of trials "
    )
    shown = alt.param(name="shown", value=4, bind=slider)
    asked = alt.param(
        name="asked", value=0, bind=alt.binding_select(options=list(XIS), name="xi ")
    )
    axis = alt.Axis(values=[0.001, 0.01, 0.1, 1])
    x = alt.X("rate:Q", scale=alt.Scale(type="log"), title="learning rate", axis=axis)
    y = alt.Y("low:Q", title="loss (score)", scale=alt.Scale(domain=[-4, 4]))
    belief = alt.Chart(beliefs).transform_filter(
        "datum.trials == shown && datum.xi == asked"
    )
    dots = alt.Chart(trials).transform_filter("datum.trials == shown")
    above = (
        belief.mark_area(opacity=0.25).encode(x=x, y=y, y2="high:Q")
        + belief.mark_line().encode(x=x, y="mean:Q")
        + dots.mark_point(filled=True, size=70, color=PALETTE["grey"]).encode(
            x=x, y="score:Q"
        )
    )
    share = alt.Y("gain:Q", title="improvement", scale=alt.Scale(domain=[0, 1]))
    below = belief.mark_area(opacity=0.45, color=COLORS[1]).encode(x=x, y=share)
    return alt.vconcat(
        above.properties(height=200), below.properties(height=90)
    ).add_params(shown, asked)
