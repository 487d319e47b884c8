"""The pictures of the chapter on unsupervised learning show the data that they say."""

import numpy as np
import pandas as pd
import pytest

from mldev.introduction import unsupervised_pictures as pictures
from mldev.introduction.unsupervised import k_means
from mldev.introduction.unsupervised_data import digits, some_rows
from mldev.introduction.unsupervised_experiments import COMPONENTS, MAX_K, PERPLEXITIES, SOME_PERPLEXITIES
from mldev.introduction.unsupervised_trees import agglomerate, cut


@pytest.fixture
def quick_maps(monkeypatch):
    """Maps that cost nothing: where a point lies does not matter to these tests."""

    def drawn(name, seed, perplexity):
        return np.random.default_rng(perplexity).normal(size=(150, 2))

    monkeypatch.setattr(pictures, "t_sne_map", drawn)


def test_centres_are_named_by_their_majority():
    X, y = some_rows(*digits(), 400, 0)
    found = k_means(X, 10, 0, 2)
    axes = pictures.centres(found, y).axes
    names = [int(ax.get_xlabel()[-1]) for ax in axes]
    majorities = [np.bincount(y[found.labels == c]).argmax() for c in range(10)]
    assert names == sorted(majorities)


def test_count_curves_mark_two_elbows_and_all_data():
    rng = np.random.default_rng(0)
    grid = [(name, seed, k) for name in pictures.STYLES for seed in range(3) for k in range(1, MAX_K + 1)]
    table = pd.DataFrame(grid, columns=["data", "seed", "k"])
    table["inertia"] = 1 / table["k"] + 0.01 * rng.random(len(table))
    table["silhouette"] = rng.random(len(table))
    left, right = pictures.count_curves(table).axes
    assert len(right.lines) == len(pictures.STYLES) and len(left.lines) == 2 * len(pictures.STYLES)
    short, long = left.lines[1].get_xdata()
    assert short <= long <= MAX_K


def test_the_tree_is_cut_where_it_has_the_clusters():
    X, _ = some_rows(*digits(), 20, 0)
    merges = agglomerate(X, "ward")
    top, low = pictures.tree(merges, X.reshape(-1, 8, 8), 6).axes
    height = top.lines[-1].get_ydata()[0]
    assert np.sum(merges[:, 2] > height) == 5 == len(np.unique(cut(merges, 6))) - 1
    assert len(low.images) == 20


def test_component_curves_draw_the_means():
    grid = [(seed, num, w) for seed in range(3) for num in COMPONENTS for w in (False, True)]
    table = pd.DataFrame(grid, columns=["seed", "components", "whitened"])
    table["agreement"] = np.linspace(0, 0.7, len(table))
    lines = pictures.component_curves(table).axes[0].lines
    plain = table[~table["whitened"]].groupby("components")["agreement"].mean()
    assert np.allclose(lines[0].get_ydata(), plain) and lines[0].get_label() == "as they are"


def test_parts_share_a_scale_around_zero():
    fig = pictures.parts(np.random.default_rng(0).random((16, 64)), -np.ones((16, 64)))
    assert len(fig.axes) == 32
    assert all(image.norm.vmin == -image.norm.vmax for ax in fig.axes for image in ax.images)


def test_maps_show_every_point(quick_maps):
    axes = pictures.map_grid().axes
    assert len(axes) == 2 * len(SOME_PERPLEXITIES)
    assert len(axes[0].collections[0].get_offsets()) == 150 and len(axes[1].texts) == 150
    assert len(pictures.islands().axes[0].collections[0].get_offsets()) == 150


def test_distances_are_drawn_beside_pca():
    runs = pd.DataFrame(np.random.default_rng(0).random((4, 6)), columns=[*PERPLEXITIES, "PCA"])
    curve, level, *_ = pictures.distance_curve(runs).axes[0].lines
    assert np.allclose(curve.get_ydata(), runs[list(PERPLEXITIES)].mean())
    assert np.allclose(level.get_ydata(), runs["PCA"].mean())


def test_the_chart_holds_every_map(quick_maps):
    points = pictures.chart_table()
    assert len(points) == 150 * len(PERPLEXITIES) * len(pictures.CHART_DATA)
    assert points[["x", "y"]].min().min() >= 0 and points[["x", "y"]].max().max() <= 1
    spec = pictures.perplexity_chart(points).to_dict()
    names = {param["name"]: param["value"] for param in spec["params"]}
    assert names == {"perplexity_shown": 2, "data_shown": "narrow and wide", "truth_shown": False}
    assert names["perplexity_shown"] in set(points["p"]) and names["data_shown"] in set(points["data"])
