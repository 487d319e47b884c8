"""The pictures of the chapter on classification show the data that they say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.svm import SVC

from mldev import datasets
from mldev.introduction import classification_pictures as pictures
from mldev.introduction.classification import accuracy, confusion_matrix
from mldev.introduction.classification_costs import GRID, MODELS, RATIOS, WAYS
from mldev.introduction.classification_experiments import BORDERS, complexity_run


@pytest.fixture(scope="module")
def answers():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    return y, np.clip(rng.normal(0.3 + 0.4 * y, 0.2), 0, 1)


def test_six_borders_are_drawn_over_the_same_tumours():
    axes = pictures.borders().axes
    assert [ax.get_title() for ax in axes] == list(BORDERS)
    assert {sum(len(c.get_offsets()) for c in ax.collections if len(c.get_offsets()) > 1) for ax in axes} == {400}


def test_regions_are_the_answers_of_the_model():
    class Step:
        def predict(self, X):
            return (X[:, 0] > 0.5).astype(int)

    fig, ax = plt.subplots()
    pictures.draw_regions(ax, Step(), ((0, 1), (0, 1)), 50)
    low, high = ax.collections[0].get_paths()
    assert low.get_extents().x1 < 0.53 and high.get_extents().x0 > 0.47


def test_the_complexity_curves_draw_the_means():
    runs = [complexity_run(seed, counts=(1, 15, 45)) for seed in range(3)]
    lines = {line.get_label(): line.get_ydata() for line in pictures.complexity_curves(runs).axes[0].lines}
    assert np.allclose(lines["held out"], np.mean([run["held out"] for run in runs], axis=0))
    assert lines["training"][0] == 1


def test_rings_mark_the_support_vectors():
    flowers = datasets.load("iris")
    X, y = flowers.X.to_numpy()[:, 2:], flowers.y.to_numpy()
    model = SVC(kernel="linear").fit(X, y)
    ax = pictures.support_picture(model, X, y, flowers.label_names).axes[0]
    rings = next(c for c in ax.collections if c.get_label() == "support vector")
    assert np.array_equal(rings.get_offsets(), X[model.support_])


def test_the_best_model_s_box_is_on_top():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"worse": rng.normal(0.8, 0.01, 10), "better": rng.normal(0.9, 0.01, 10)})
    ax = pictures.score_boxes(table).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["worse", "better"]


def test_roc_curves_and_their_dots():
    rows = [
        {"seed": seed, "model": name, "curve": GRID**0.5, "alarms at half": 0.1, "recall": 0.2}
        for name in MODELS
        for seed in range(3)
    ]
    lines = pictures.roc_picture(pd.DataFrame(rows)).axes[0].lines
    dots = [line for line in lines if len(line.get_xdata()) == 1]
    assert len(dots) == 3 and all(np.allclose((d.get_xdata()[0], d.get_ydata()[0]), (0.1, 0.2)) for d in dots)


def test_cost_curves_draw_four_ways():
    rng = np.random.default_rng(0)
    grid = [(seed, ratio, way) for seed in range(3) for ratio in RATIOS for way in WAYS]
    table = pd.DataFrame(grid, columns=["seed", "ratio", "way"])
    table["cost"] = rng.random(len(table))
    lines = {line.get_label(): line.get_ydata() for line in pictures.cost_curves(table).axes[0].lines}
    expected = table[table["way"] == "formula"].groupby("ratio")["cost"].mean()
    assert np.allclose(lines["from the costs"], expected) and len(lines) == 4


def test_the_chart_s_table_holds_every_threshold(answers):
    y, scores = answers
    table = pictures.threshold_table(y, scores).set_index("percent")
    assert list(table.index) == list(range(1, 100))
    assert (table[["found", "missed", "alarms", "cleared"]].sum(axis=1) == len(y)).all()
    assert table.loc[50, "accuracy"] == accuracy(confusion_matrix(y, (scores >= 0.5).astype(int)))
    assert table["found"].is_monotonic_decreasing and table["cleared"].is_monotonic_increasing


def test_one_threshold_moves_all_three_parts(answers):
    spec = pictures.threshold_chart(*answers).to_dict()
    (param,) = [p for p in spec["params"] if p["name"] == "cut"]
    assert (param["value"], param["bind"]["min"], param["bind"]["max"]) == (50, 1, 99)
    assert len(spec["vconcat"]) == 3 and all("cut" in str(part) for part in spec["vconcat"])
