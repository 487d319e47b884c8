"""The pictures of the chapter on regression show the data that they say."""

import numpy as np
import pandas as pd

from mldev.introduction import regression_in_practice_pictures as practice
from mldev.introduction import regression_pictures as pictures
from mldev.introduction.regression import INTERVALS, fold_interval
from mldev.introduction.regression_experiments import METHODS, PENALTIES, chart_coefficients, diabetes


def drawn(ax):
    return {line.get_label(): line for line in ax.lines}


def test_polynomial_errors_are_medians():
    rng = np.random.default_rng(0)
    grid = [(s, d, r) for s in range(5) for d in range(1, 11) for r in ("training", "validation")]
    table = pd.DataFrame(grid, columns=["seed", "degree", "rows"]).assign(error=rng.uniform(50, 90, len(grid)))
    table["richest"] = np.where(table["seed"] < 3, "held out", "trained on")
    top, low = pictures.polynomial_fits(table).axes
    for where in ("held out", "trained on"):
        part = table[(table["rows"] == "validation") & (table["richest"] == where)]
        medians = part.groupby("degree")["error"].median()
        assert np.allclose(drawn(low)[f"validation, richest {where}"].get_ydata(), medians)
    medians = table[table["rows"] == "training"].groupby("degree")["error"].median()
    assert np.allclose(drawn(low)["training"].get_ydata(), medians)
    assert {"degree 1", "degree 2", "degree 9"} <= set(drawn(top))


def test_every_split_is_a_dot():
    table = pd.DataFrame({"one split": [0.1, 0.5, 0.6], "five folds": [0.4, 0.45, 0.5]})
    ax = pictures.split_strips(table).axes[0]
    assert [line.get_xdata().tolist() for line in ax.lines] == [table[c].tolist() for c in table]


def test_coverage_and_width_are_means():
    grid = [(s, k, kind) for s in range(4) for k in (5, 10) for kind in INTERVALS]
    table = pd.DataFrame(grid, columns=["seed", "folds", "kind"])
    table = table.assign(covers=(table["seed"] > 0).astype(float), width=table["folds"] / 10)
    left, right = pictures.coverage_curves(table).axes
    assert np.allclose(drawn(left)["quantiles"].get_ydata(), 0.75)
    assert np.allclose(drawn(right)["corrected"].get_ydata(), [0.5, 1.0])


def test_paths_are_drawn_for_every_column():
    names = diabetes()[2]
    alphas = {m: np.array([1.0, 10.0]) for m in METHODS}
    paths = {m: np.arange(20.0).reshape(2, 10) for m in METHODS}
    top, low = pictures.path_curves(alphas, paths, names).axes
    assert len(top.lines) == len(low.lines) == 11
    assert drawn(low)["bmi"].get_ydata().tolist() == [2.0, 12.0]


def test_the_chart_holds_every_setting():
    grid = [(s, m, p) for s in range(3) for m in METHODS for p in PENALTIES]
    runs = pd.DataFrame(grid, columns=["seed", "method", "penalty"]).assign(r2=0.3, train=0.5)
    errors = pictures.error_table(runs)
    assert len(errors) == 2 * len(METHODS) * len(PENALTIES)
    assert sorted(errors["step"].unique()) == list(range(len(PENALTIES)))
    coefficients = chart_coefficients()
    assert len(coefficients) == 10 * len(METHODS) * len(PENALTIES)
    lasso = coefficients[coefficients["method"] == "lasso"].set_index("step")["coefficient"]
    assert not lasso.loc[len(PENALTIES) - 1].any() and lasso.loc[0].all()
    spec = pictures.penalty_chart(coefficients, errors).to_dict()
    values = {param["name"]: param.get("value") for param in spec["params"]}
    assert values["step_shown"] in set(errors["step"]) and values["method_shown"] in METHODS


def test_boxes_and_paired_differences():
    rng = np.random.default_rng(0)
    scores = pd.DataFrame(rng.normal(size=(10, 3)), columns=["linear", "tree", "forest"])
    top, low = practice.score_boxes(scores, "linear").axes
    difference = (scores["tree"] - scores["linear"]).to_numpy()
    intervals = [tuple(line.get_ydata()) for line in low.lines if len(line.get_ydata()) == 2]
    assert fold_interval(difference) in intervals
    assert len(top.get_xticks()) == 3


def test_leaks_are_sorted_by_size():
    table = pd.DataFrame({"step": ["a", "a", "b", "b"], "outside": [0.1, 0.2, 0.6, 0.8], "inside": [0.1] * 4})
    ax = practice.leak_bars(table).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "a"]


def test_noise_curves_are_means():
    grid = [(s, c, w) for s in range(3) for c in (10, 100) for w in ("outside", "inside")]
    table = pd.DataFrame(grid, columns=["seed", "columns", "where"]).assign(r2=lambda t: t["columns"] / 1000)
    lines = drawn(practice.noise_curves(table).axes[0])
    assert np.allclose(lines["selected on all rows"].get_ydata(), [0.01, 0.1])
