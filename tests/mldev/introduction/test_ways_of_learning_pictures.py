"""The pictures of the chapter on ways of learning show the data that they say."""

import numpy as np
import pandas as pd
import pytest

from mldev.introduction import ways_of_learning_pictures as pictures
from mldev.introduction.ways_of_learning_experiments import CHOSEN_SIZES
from mldev.introduction.ways_of_learning_pretext import PLACES, PRETEXTS, SIZES


@pytest.fixture(scope="module")
def curves():
    rng = np.random.default_rng(0)
    rising = np.linspace(0.3, 0.95, len(SIZES)) + rng.normal(0, 0.005, (4, len(SIZES)))
    low = np.minimum(rising, 0.7)
    return {"supervised": rising, "unsupervised": low}


def test_only_reinforcement_is_told_about_its_own_answer():
    fig = pictures.what_is_told()
    texts = [t.get_text() for ax in fig.axes for t in ax.texts]
    told = [t for t in texts if "right" in t or "wrong" in t]
    assert len(told) == 5 and any("right" in t for t in told) and any("wrong" in t for t in told)
    assert sum(t.startswith("turned") for t in texts) == 5


def test_curves_draw_the_means(curves):
    ax = pictures.way_curves(curves).axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert np.allclose(drawn["supervised"], curves["supervised"].mean(axis=0))
    assert len(pictures.answer_curves(curves).axes[0].lines) == 2


def test_chosen_and_pretext_curves_have_a_line_for_each():
    grid = [(w, n, s) for w in "abc" for n in CHOSEN_SIZES for s in range(3)]
    table = pd.DataFrame(grid, columns=["way", "size", "seed"]).assign(accuracy=0.8)
    assert len(pictures.chosen_curves(table).axes[0].lines) == 3
    rows = pd.DataFrame([(p, t, s) for p in PLACES for t in PRETEXTS for s in range(3)])
    rows.columns = ["place", "pretext", "seed"]
    for place, n in enumerate(SIZES):
        rows[f"labels_{n}"] = 0.1 * place + 0.01 * rows["seed"]
    assert [len(ax.lines) for ax in pictures.pretext_curves(rows).axes] == [4, 4]
    assert pictures.probe_curve(rows, "centred", "turned").shape == (3, len(SIZES))


def test_the_table_says_where_a_run_never_arrives(curves):
    table = pictures.needed_table(curves, targets=(60, 90)).set_index(["way", "target"])
    assert table.loc[("unsupervised", 90), "note"] == "reached in 0 of 4 runs"
    reached = table.loc[("supervised", 90)]
    assert reached["low"] <= reached["labels"] <= reached["high"] and reached["reached"] == 4
    assert np.isnan(table.loc[("unsupervised", 90), "labels"])


def test_the_chart_starts_at_a_target_of_its_table(curves):
    table = pictures.needed_table(curves)
    spec = pictures.needed_chart(table).to_dict()
    (param,) = spec["params"]
    assert param["value"] == 90 and param["value"] in set(table["target"])
    assert set(table["target"]) == set(range(50, 99, 2))
