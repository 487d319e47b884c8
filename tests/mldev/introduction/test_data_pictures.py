"""The pictures of the chapter on kinds of data show the data that they say."""

import numpy as np
import pandas as pd
import pytest

from mldev.introduction import data_pictures as pictures
from mldev.introduction.data_experiments import KINDS, MISSING, MODELS, SHARES, SIZES, WAYS


@pytest.fixture(scope="module")
def runs():
    rng = np.random.default_rng(0)
    grid = [(n, k, s, m, seed) for n in SIZES for k in KINDS for s in SHARES for m in MODELS for seed in range(3)]
    table = pd.DataFrame(grid, columns=["size", "kind", "share", "model", "seed"])
    return table.assign(accuracy=rng.uniform(0.3, 0.9, len(table)))


def test_the_melody_has_its_notes():
    sound = pictures.melody((500.0,))
    spectrum = np.abs(np.fft.rfft(sound))
    assert len(sound) == pictures.RATE // 10
    assert np.fft.rfftfreq(len(sound), 1 / pictures.RATE)[spectrum.argmax()] == pytest.approx(500, abs=10)


def test_the_film_moves_one_digit_to_the_right():
    film = pictures.movie()
    centre = [(frame.sum(axis=0) * np.arange(frame.shape[1])).sum() / frame.sum() for frame in film]
    assert film.shape == (3, 28, 56) and np.allclose(np.diff(centre), 14)
    assert np.allclose(film.sum(axis=(1, 2)), film[0].sum(), rtol=1e-5)


def test_six_kinds_are_shown_and_synthetic_ones_are_named():
    titles = [ax.get_title() for ax in pictures.one_of_each().axes]
    assert titles == ["table", "time series", "text", "image", "audio (synthetic)", "video (synthetic)"]


def test_missing_cells_are_shown_as_such():
    assert pictures.in_cell(np.nan) == "?" and pictures.in_cell(3750.0) == "3750" and pictures.in_cell("male") == "male"


def test_curves_draw_the_means(runs):
    axes = pictures.label_curves(runs).axes
    assert len(axes) == 2
    part = runs[(runs["size"] == 1000) & (runs["kind"] == "look-alikes") & (runs["model"] == MODELS[1])]
    drawn = {line.get_label(): line.get_ydata() for line in axes[1].lines}
    assert np.allclose(drawn[MODELS[1]], part.groupby("share")["accuracy"].mean())
    assert len(pictures.size_curves(runs).axes[0].lines) == 3


def test_a_curve_ends_where_a_run_could_not_train():
    grid = [(w, s, seed) for w in WAYS for s in MISSING for seed in range(3)]
    table = pd.DataFrame(grid, columns=["way", "share", "seed"]).assign(rows=400, accuracy=0.9)
    table.loc[(table["way"] == "drop rows") & (table["share"] > 0.1) & (table["seed"] == 1), "accuracy"] = np.nan
    low = pictures.missing_curves(table).axes[1]
    ends = {line.get_label(): max(line.get_xdata()) for line in low.lines}
    assert ends["drop rows"] == 0.1 and ends["fill in means"] == max(MISSING)


def test_the_chart_holds_every_setting_with_its_interval(runs):
    means = pictures.chart_table(runs)
    assert len(means) == len(SIZES) * len(KINDS) * len(SHARES) * len(MODELS)
    assert ((means["low"] <= means["accuracy"]) & (means["accuracy"] <= means["high"])).all()
    spec = pictures.quality_chart(means).to_dict()
    names = {param["name"]: param.get("value") for param in spec["params"]}
    assert names == {"share_shown": 40, "kind_shown": "look-alikes"}
    assert names["share_shown"] in set(means["share"])
