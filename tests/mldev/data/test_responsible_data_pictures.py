"""The pictures draw what they were given."""

import numpy as np
import pandas as pd
import pytest

from mldev.data import responsible_data_experiments as experiments
from mldev.data import responsible_data_pictures as pictures
from mldev.data.responsible_data import representation
from mldev.data.responsible_data_sheets import datasheet
from mldev.experiments import Interval


@pytest.fixture(scope="module")
def people():
    return experiments.arrests_table()


def test_representation_counts_every_person(people):
    shares = representation(people["colour"], {"Black": 8.4, "White": 53.1})
    top, low = pictures.representation_bars(people, shares).axes
    assert sum(bar.get_width() for bar in low.patches) == len(people)
    assert top.patches[0].get_width() == pytest.approx(shares.loc["Black", "in the data"])


def test_release_rates_and_ladder(people):
    ladder = {"nothing": Interval(-0.1, -0.12, -0.08, 9), "+ checks": Interval(-0.05, -0.07, -0.03, 9)}
    top, low = pictures.release_by_checks(people, ladder).axes
    first = people[(people["colour"] == "Black") & (people["checks"] == 0)]["released"].mean()
    assert top.lines[0].get_ydata()[0] == pytest.approx(first)
    assert [label.get_text() for label in low.get_yticklabels()] == list(ladder)


def test_disparity_dots_are_means():
    grid = [(seed, way) for seed in range(3) for way in experiments.WAYS]
    runs = pd.DataFrame(grid, columns=["seed", "way"])
    runs = runs.assign(parity=-0.01 * runs["seed"], opportunity=-0.02 * runs["seed"], recorded=-0.1)
    top, low = pictures.disparity_dots(runs).axes
    dots = [line.get_xdata()[0] for line in low.lines if line.get_marker() == "o"]
    assert np.allclose(dots, -0.02) and len(top.get_yticks()) == len(experiments.WAYS)


def test_truth_curves_are_means():
    grid = [(seed, strength) for seed in range(3) for strength in (0.0, 1.0)]
    runs = pd.DataFrame(grid, columns=["seed", "strength"]).assign(**{"by the records": 0.7, "by the truth": 0.8})
    ax = pictures.truth_curves(runs).axes[0]
    assert np.allclose(ax.lines[0].get_ydata(), 0.7) and np.allclose(ax.lines[1].get_ydata(), 0.8)


def test_sheets_are_sorted_and_complete():
    sheets = {name: datasheet(name) for name in ("arrests", "churn", "wine")}
    ax = pictures.sheet_bars(sheets).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()][-1] == "churn"
    answered = sum(len(s.answers) - len(s.open) for s in sheets.values())
    assert sum(bar.get_width() for bar in ax.patches) == answered


def test_the_chart_holds_every_strength():
    runs = pd.DataFrame(sum((experiments.strength_run(seed) for seed in range(2)), []))
    bars, lines = pictures.strength_tables(runs)
    steps = set(experiments.STRENGTHS)
    assert set(bars["strength"]) == steps == set(lines["strength"]) and len(bars) == 4 * len(steps)
    assert set(lines["measure"]) == {*pictures.LINES.values(), "accuracy"}
    spec = pictures.strength_chart(bars, lines).to_dict()
    values = {param["name"]: param.get("value") for param in spec["params"]}
    assert values["strength_shown"] in steps
