"""The pictures of the chapter on classification: borders, curves, boxes, costs, and the threshold to move."""

import altair as alt
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.base import ClassifierMixin
from sklearn.svm import SVC

from mldev.introduction.classification import accuracy, confusion_matrix
from mldev.introduction.classification import precision as precision_of
from mldev.introduction.classification import recall as recall_of
from mldev.introduction.classification_costs import GRID, MODELS, column
from mldev.introduction.classification_experiments import BORDERS, tumour_split
from mldev.plotting import COLORS, PALETTE, TEXT, band

SHADES = (PALETTE["blue"], PALETTE["orange"], PALETTE["green"])
MARKS = ("o", "^", "s")
COST_WAYS = {
    "formula": ("from the costs", PALETTE["green"], "s"),
    "F2": ("best F2", PALETTE["blue"], "o"),
    "F0.5": ("best F0.5", PALETTE["orange"], "^"),
    "one half": ("even odds", PALETTE["grey"], "D"),
}


def draw_regions(ax: Axes, model: ClassifierMixin, limits: tuple, size: int) -> None:
    """Shade the classes that a model of two features gives to each place."""
    x, y = (np.linspace(*pair, size) for pair in limits)
    places = np.stack(np.meshgrid(x, y), axis=-1)  # (size, size, 2)
    answers = model.predict(places.reshape(-1, 2)).reshape(size, size)
    levels = np.arange(answers.max() + 2) - 0.5
    colors = SHADES[: len(levels) - 1]
    ax.contourf(x, y, answers, levels=levels, colors=colors, alpha=0.25)


def draw_points(
    ax: Axes, X: np.ndarray, y: np.ndarray, names: tuple, size: float
) -> None:
    """The examples, a colour and a mark for each class."""
    for label, name in enumerate(names):
        ax.scatter(
            *X[y == label].T,
            s=size,
            marker=MARKS[label],
            color=SHADES[label],
            label=name,
            linewidth=0,
            alpha=0.8,
        )


def borders(seed: int = 0) -> Figure:
    """The borders that six classifiers draw after the same training tumours."""
    X_train, _, y_train, _ = tumour_split(seed)
    limits = ((9, 35), (0.05, 0.15))
    fig, axes = plt.subplots(3, 2, figsize=(6.4, 7.4), sharex=True, sharey=True)
    for ax, (name, make) in zip(axes.flat, BORDERS.items(), strict=True):
        draw_regions(ax, make(seed).fit(X_train, y_train), limits, 90)
        draw_points(ax, X_train, y_train, ("benign", "malignant"), 7)
        ax.set_title(name)
        ax.set(xlim=limits[0], ylim=limits[1])
    for ax in axes[-1]:
        ax.set_xlabel("mean texture")
    for ax in axes[:, 0]:
        ax.set_ylabel("mean smoothness")
    handles = axes[0, 0].get_legend_handles_labels()
    fig.legend(*handles, loc="outside lower center", ncols=2, markerscale=2)
    return fig


def complexity_curves(runs: list[pd.DataFrame]) -> Figure:
    """Training and held-out accuracy against the number of neighbours, complex models at the left."""
    fig, ax = plt.subplots()
    counts = runs[0].index
    for name, color, mark in zip(runs[0], COLORS, "so", strict=False):
        values = np.stack([run[name] for run in runs])
        band(ax, counts, values, name, color).set(marker=mark, markersize=5)
    ax.set(xscale="log", xlabel="neighbours k", ylabel="accuracy")
    ax.set_xticks(counts, [str(k) if k not in (155, 255) else "" for k in counts])
    ax.minorticks_off()
    ax.text(1, 0.6, "complex: overfits", va="top")
    ax.text(355, 0.6, "simple: underfits", va="top", ha="right")
    ax.set_ylim(0.57, 1.02)
    ax.legend()
    return fig


def support_picture(model: SVC, X: np.ndarray, y: np.ndarray, names: tuple) -> Figure:
    """Iris petals, the regions of a support vector machine, and rings around the flowers that it rests on."""
    fig, ax = plt.subplots(figsize=(6.4, 4))
    limits = ((0.7, 7.2), (-0.1, 2.7))
    draw_regions(ax, model, limits, 300)
    draw_points(ax, X, y, names, 18)
    ax.scatter(
        *X[model.support_].T,
        s=80,
        facecolor="none",
        edgecolor=TEXT,
        label="support vector",
    )
    ax.set(xlabel="petal length (cm)", ylabel="petal width (cm)")
    ax.legend(loc="upper left")
    return fig


def score_boxes(table: pd.DataFrame) -> Figure:
    """A box of the fold scores of each model, with the scores themselves, the best model on top."""
    order = table.mean().sort_values().index
    fig, ax = plt.subplots(figsize=(6.4, 3.2))
    ax.boxplot(
        [table[name] for name in order],
        orientation="horizontal",
        tick_labels=list(order),
        widths=0.6,
        showfliers=False,
        medianprops={"color": PALETTE["orange"], "linewidth": 2},
        boxprops={"color": TEXT},
        whiskerprops={"color": TEXT},
        capprops={"color": TEXT},
    )
    jitter = np.random.default_rng(0).uniform(-0.18, 0.18, len(table))
    for place, name in enumerate(order, start=1):
        ax.plot(table[name], place + jitter, ".", color=PALETTE["blue"], alpha=0.6)
    ax.set_xlabel("accuracy on a held-out fold")
    return fig


def roc_picture(runs: pd.DataFrame) -> Figure:
    """Mean ROC curves of the models on the nine-to-one problem."""
    fig, ax = plt.subplots(figsize=(6.4, 4.2))
    ax.plot([0, 1], [0, 1], ":", color=PALETTE["grey"], label="chance")
    for name, color, style in zip(
        list(MODELS)[1:], COLORS, ("-", "--", "-."), strict=False
    ):
        part = runs[runs["model"] == name].sort_values("seed")
        line = band(ax, GRID, np.stack(part["curve"]), name, color)
        line.set_linestyle(style)
        ax.plot(
            part["alarms at half"].mean(), part["recall"].mean(), "o", color=color, ms=8
        )
    ax.set(xlabel="false alarms among those who stay", ylabel="leavers found (recall)")
    ax.set_aspect("equal")
    ax.legend(loc="lower right")
    return fig


def cost_curves(table: pd.DataFrame) -> Figure:
    """Cost per tumour against the price of a miss, for four ways to set the threshold."""
    fig, ax = plt.subplots(figsize=(6.4, 4))
    ratios = sorted(table["ratio"].unique())
    for way, (label, color, mark) in COST_WAYS.items():
        values = [column(table, "cost", ratio=r, way=way) for r in ratios]
        line = band(ax, ratios, np.transpose(values), label, color)
        line.set(marker=mark, markersize=5)
    shown = (1 / 50, 1 / 5, 1, 5, 50)
    ax.set(xscale="log", xlabel="cost of a miss : cost of a false alarm")
    ax.set_xticks(shown, ["1:50", "1:5", "1:1", "5:1", "50:1"])
    ax.minorticks_off()
    ax.set(ylabel="mean cost per tumour", ylim=(0, None))
    ax.legend()
    return fig


def threshold_table(y: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """Metrics and the four counts at thresholds of 1 to 99 %."""
    rows = []
    for percent in range(1, 100):
        matrix = confusion_matrix(y, (scores >= percent / 100).astype(int))
        rows.append({
            "percent": percent,
            "precision": precision_of(matrix),
            "recall": recall_of(matrix),
            "accuracy": accuracy(matrix),
            "found": int(matrix[1, 1]),
            "missed": int(matrix[1, 0]),
            "alarms": int(matrix[0, 1]),
            "cleared": int(matrix[0, 0]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def threshold_chart(y: np.ndarray, scores: np.ndarray) -> alt.VConcatChart:
    """Tumours by their probability, three metrics and the confusion matrix, all moved by one threshold."""
    slider = alt.binding_range(min=1, max=99, step=1, name="threshold, % ")
    cut = alt.param(name="cut", value=50, bind=slider)
    table = threshold_table(y, scores)
    metrics = table.melt("percent", ["precision", "recall", "accuracy"], "metric")
    parts = (
        case_strip(y, scores).properties(width=560, height=110),
        metric_lines(metrics.round(4)).properties(width=560, height=170),
        matrix_cells(table).properties(width=560, height=110),
    )
    chart = alt.vconcat(*parts).resolve_scale(color="independent", shape="independent")
    return chart.add_params(cut)


def case_strip(y: np.ndarray, scores: np.ndarray) -> alt.LayerChart:
    """Each tumour at its predicted probability, filled when flagged."""
    height = np.random.default_rng(0).uniform(-0.35, 0.35, len(y)) + y
    names = np.where(y == 1, "malignant", "benign")
    cases = pd.DataFrame({"percent": 100 * scores, "height": height, "truth": names})
    x = alt.X("percent:Q", scale=alt.Scale(domain=[0, 100]), title=None)
    place = alt.Y("height:Q", axis=None, scale=alt.Scale(domain=[-0.6, 1.6]))
    colors = alt.Scale(domain=["benign", "malignant"], range=list(SHADES[:2]))
    legend = alt.Legend(orient="top")
    color = alt.Color("truth:N", scale=colors, title=None, legend=legend)
    marks = alt.Scale(domain=["benign", "malignant"], range=["circle", "triangle"])
    shape = alt.Shape("truth:N", scale=marks, title=None, legend=legend)
    dots = alt.Chart(cases.round(3)).mark_point(filled=True, size=40)
    dots = dots.encode(
        x=x,
        y=place,
        color=color,
        shape=shape,
        opacity=alt.condition("datum.percent >= cut", alt.value(0.9), alt.value(0.25)),
    )
    return dots + threshold_rule()


def metric_lines(metrics: pd.DataFrame) -> alt.LayerChart:
    """Precision, recall and accuracy against the threshold, with their values at the chosen one."""
    base = alt.Chart(metrics)
    x = alt.X("percent:Q", title="threshold (%)")
    y = alt.Y("value:Q", title=None, scale=alt.Scale(domain=[0, 1]))
    names = ["recall", "precision", "accuracy"]
    colors = alt.Scale(domain=names, range=[COLORS[2], COLORS[3], PALETTE["grey"]])
    color = alt.Color("metric:N", scale=colors, title=None, sort=names)
    color.legend = alt.Legend(orient="top")
    here = base.transform_filter("datum.percent == cut")
    return alt.layer(
        base.mark_line().encode(x=x, y=y, color=color),
        here.mark_point(filled=True, size=80).encode(x=x, y=y, color=color),
        threshold_rule(),
    )


def threshold_rule() -> alt.Chart:
    """A vertical line at the chosen threshold."""
    places = pd.DataFrame({"percent": range(1, 100)})
    rule = alt.Chart(places).transform_filter("datum.percent == cut")
    return rule.mark_rule(strokeWidth=2, color=TEXT).encode(x="percent:Q")


def matrix_cells(table: pd.DataFrame) -> alt.LayerChart:
    """The confusion matrix at the chosen threshold, as words and counts."""
    cells = table.melt("percent", ["found", "missed", "alarms", "cleared"], "cell")
    truth = {"found": "malignant", "missed": "malignant"}
    cells["truth"] = cells["cell"].map(truth).fillna("benign")
    flagged = cells["cell"].isin(["found", "alarms"])
    cells["answer"] = np.where(flagged, "flagged", "not flagged")
    words = {"alarms": "false alarms: ", "found": "found: ", "missed": "missed: "}
    cells["words"] = cells["cell"].map(words).fillna("cleared: ")
    cells["words"] += cells["value"].astype(str)
    cells["right"] = cells["cell"].isin(["found", "cleared"])
    here = alt.Chart(cells).transform_filter("datum.percent == cut")
    x = alt.X("answer:N", title=None, axis=alt.Axis(labelAngle=0, orient="top"))
    y = alt.Y("truth:N", title=None, sort=["malignant", "benign"])
    shade = alt.condition("datum.right", alt.value(0.15), alt.value(0.5))
    ground = here.mark_rect(color=PALETTE["grey"]).encode(x=x, y=y, opacity=shade)
    text = here.mark_text(fontSize=15, color=TEXT).encode(x=x, y=y, text="words:N")
    return ground + text
