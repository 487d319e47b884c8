"""The pictures of the chapter "Responsible data management"."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mldev.data.responsible_data_experiments import STRENGTHS, people_difference
from mldev.data.responsible_data_sheets import Datasheet
from mldev.experiments import Interval
from mldev.plotting import COLORS, PALETTE, band

TWO = {"Black": PALETTE["blue"], "White": PALETTE["orange"]}
WIDTH = 520  # of the interactive chart


def representation_bars(people: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """Shares of two groups among arrests and in the city; below, how many people each intersection has."""
    fig, (top, low) = plt.subplots(
        2, 1, figsize=(6.4, 5.2), gridspec_kw={"height_ratios": (1, 2.6)}
    )
    places = {"in the data": 1, "in the population": 0}
    for where, row in places.items():
        left = 0.0
        for name, color in TWO.items():
            share = table.loc[name, where]
            top.barh(row, share, left=left, color=color, height=0.6)
            at = left + share / 2
            top.text(at, row, f"{share:.0%}", ha="center", va="center", color="w")
            left += share
    top.set_yticks(list(places.values()), ["arrests", "city"])
    top.set(xlabel="share of the two groups", xlim=(0, 1))
    handles = [Patch(color=color, label=name) for name, color in TWO.items()]
    fig.legend(handles=handles, ncols=2, loc="outside upper center")
    minor = np.where(people["age"] < 18, "under 18", "18 or older")
    keys = [people["sex"].str.lower(), minor, people["colour"]]
    counts = people.groupby(keys, sort=True).size()
    labels = [f"{sex}, {age}" for sex, age, _ in counts.index]
    rows = {label: -i for i, label in enumerate(dict.fromkeys(labels))}
    for (_, _, colour), label, count in zip(counts.index, labels, counts, strict=True):
        height = rows[label] + (0.2 if colour == "Black" else -0.2)
        low.barh(height, count, height=0.36, color=TWO[colour])
        low.text(count * 1.08, height, f"{count:,}", va="center")
    low.set_yticks(list(rows.values()), list(rows))
    low.set(xscale="log", xlabel="people (logarithmic)", xlim=(5, 9000))
    for ax in (top, low):
        ax.tick_params(axis="y", length=0)
    return fig


def release_by_checks(people: pd.DataFrame, ladder: Mapping[str, Interval]) -> Figure:
    """Release rates by number of checks; below, the difference among ever more similar people."""
    fig, (top, low) = plt.subplots(2, 1, figsize=(6.4, 5.8))
    for shift, (name, color) in zip((-0.06, 0.06), TWO.items(), strict=True):
        part = people[(people["colour"] == name) & (people["checks"] < 6)]
        rates = part.groupby("checks")["released"].agg(["mean", "size"])
        error = 1.96 * np.sqrt(rates["mean"] * (1 - rates["mean"]) / rates["size"])
        marker = "o" if name == "Black" else "s"
        at = rates.index + shift
        top.errorbar(at, rates["mean"], error, color=color, marker=marker, label=name)
    top.set(xlabel="police data bases that know the name", ylabel="share released")
    top.set(ylim=(0.3, 1))
    top.legend(loc="lower left")
    for row, found in enumerate(ladder.values()):
        low.plot([found.low, found.high], [row, row], color=PALETTE["navy"])
        low.plot(found.estimate, row, "o", color=PALETTE["navy"])
    low.axvline(0, color=PALETTE["grey"], ls="--", lw=1)
    low.set_yticks(range(len(ladder)), list(ladder))
    low.set(ylim=(len(ladder) - 0.5, -0.5), xlim=(-0.16, 0.01))
    low.set_xlabel("released: Black minus White, people equal in these columns")
    return fig


def disparity_dots(runs: pd.DataFrame) -> Figure:
    """Disparity of each way of preparing the data, above among all, below among those whom the police released."""
    fig, axes = plt.subplots(2, 1, figsize=(6.4, 5.8), sharex=True)
    ways = list(dict.fromkeys(runs["way"]))
    titles = {"parity": "all people", "opportunity": "people the police released"}
    for ax, (measure, title) in zip(axes, titles.items(), strict=True):
        for row, way in enumerate(ways):
            part = runs[runs["way"] == way]
            found = people_difference(part[measure])
            color = PALETTE["green"] if "reweighed" in way else PALETTE["red"]
            color = PALETTE["green"] if way == "resampled" else color
            ax.plot([found.low, found.high], [row, row], color=color)
            ax.plot(found.estimate, row, "o", color=color)
        ax.axvline(0, color=PALETTE["grey"], ls="--", lw=1)
        ax.set_yticks(range(len(ways)), ways)
        ax.set(ylim=(len(ways) - 0.5, -0.5))
        ax.set_xlabel(f"share released, Black minus White: {title}")
        ax.tick_params(labelbottom=True)
    recorded = runs["recorded"].mean()
    axes[0].axvline(recorded, color=PALETTE["navy"], ls=":", lw=1.5)
    axes[0].text(recorded, -0.42, " the police", color=PALETTE["navy"], va="center")
    return fig


def truth_curves(runs: pd.DataFrame) -> Figure:
    """What reweighing costs by falsified records, and what it gains by the truth."""
    fig, ax = plt.subplots(figsize=(6.4, 3.4))
    for name, color, marker in (
        ("by the records", PALETTE["orange"], "s"),
        ("by the truth", PALETTE["blue"], "o"),
    ):
        table = runs.pivot(index="seed", columns="strength", values=name)
        band(ax, table.columns, table.to_numpy(), name, color).set_marker(marker)
    ax.axvline(1, color=PALETTE["grey"], ls="--", lw=1)
    ax.set(xlabel="strength of reweighing", ylabel="AUC on new borrowers")
    ax.legend()
    return fig


def sheet_bars(sheets: Mapping[str, Datasheet]) -> Figure:
    """For each data set, how many questions the data, the registry and people have answered."""
    fig, ax = plt.subplots(figsize=(6.4, 5.8))
    order = sorted(sheets, key=lambda name: (sheets[name].completeness, name))
    colors = ("blue", "green", "orange")
    for row, name in enumerate(order):
        counts, left = sheets[name].counts(), 0
        for kind, color in zip(("data", "registry", "people"), colors, strict=True):
            label = kind if row == 0 else None
            ax.barh(row, counts[kind], left=left, color=PALETTE[color], label=label)
            left += counts[kind]
    ax.set_yticks(range(len(order)), order)
    total = len(next(iter(sheets.values())).answers)
    ax.axvline(total, color=PALETTE["grey"], ls="--", lw=1)
    ax.set(xlabel="questions answered", xlim=(0, total + 0.5))
    ax.tick_params(axis="y", length=0)
    fig.legend(*ax.get_legend_handles_labels(), ncols=3, loc="outside upper center")
    return fig


LINES = {
    "parity": "decisions, all",
    "opportunity": "decisions, let go",
    "calibration": "calibration gap",
}


def strength_tables(runs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """For the chart: release rates of both groups, and gaps and accuracy, per strength of reweighing."""
    bars, lines = [], []
    for strength in map(float, STRENGTHS):
        part = runs[runs["strength"] == strength]
        kinds = {"released": "all", "released too": "let go"}
        for kind, among in kinds.items():
            for name in TWO:
                rate = part[f"{kind}, {name}"].mean()
                row = {"strength": strength, "among": among, "group": name}
                bars.append(row | {"rate": rate})
        for measure in (*LINES, "accuracy"):
            found = people_difference(part[measure])
            row = {"strength": strength, "value": found.estimate}
            row |= {"low": found.low, "high": found.high}
            lines.append(row | {"measure": LINES.get(measure, measure)})
    return pd.DataFrame(bars).round(4), pd.DataFrame(lines).round(4)


def strength_chart(bars: pd.DataFrame, lines: pd.DataFrame) -> alt.VConcatChart:
    """Release rates, gaps and accuracy; a slider for the strength of reweighing."""
    slider = alt.binding_range(
        min=0, max=STRENGTHS[-1], step=STRENGTHS[1], name="strength of reweighing "
    )
    step = alt.param(name="strength_shown", value=0, bind=slider)
    colors = alt.Scale(domain=list(TWO), range=list(TWO.values()))
    shown = alt.Chart(bars, height=120, width=WIDTH).transform_filter(
        "datum.strength == strength_shown"
    )
    rates = shown.mark_bar().encode(
        y=alt.Y("among:N", title=None),
        yOffset=alt.YOffset("group:N", sort=list(TWO)),
        x=alt.X("rate:Q", title="share released by the model").scale(domain=[0, 1]),
        color=alt.Color("group:N", title=None, scale=colors).legend(orient="top"),
    )
    gaps = lines[lines["measure"] != "accuracy"]
    accuracy = lines[lines["measure"] == "accuracy"]
    kinds = alt.Scale(domain=list(LINES.values()), range=COLORS[2:5])
    color = alt.Color("measure:N", title=None, scale=kinds).legend(
        orient="top", labelLimit=400, symbolOpacity=1
    )
    low = alt.Color("measure:N", legend=None)
    charts = [
        rates,
        _curves(gaps, "Black minus White", [-0.4, 0.3], color, 170),
        _curves(accuracy, "accuracy", [0.7, 0.85], low, 110),
    ]
    return alt.vconcat(*charts).add_params(step).resolve_scale(color="independent")


def _curves(
    table: pd.DataFrame, title: str, domain: list[float], color: alt.Color, height: int
) -> alt.LayerChart:
    base = alt.Chart(table, height=height, width=WIDTH)
    x = alt.X("strength:Q", title="strength of reweighing")
    limits = alt.Scale(domain=domain)
    y = alt.Y("value:Q", title=title, scale=limits)
    area = alt.Y("low:Q", title=title, scale=limits)
    dots = base.transform_filter("datum.strength == strength_shown")
    return alt.layer(
        base.mark_area(opacity=0.2).encode(x=x, y=area, y2="high:Q", color=color),
        base.mark_line().encode(x=x, y=y, color=color),
        dots.mark_point(size=90, filled=True, opacity=1).encode(x=x, y=y, color=color),
    )
