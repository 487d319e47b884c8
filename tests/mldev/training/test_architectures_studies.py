"""The kept rows: settings are those that the tuning chose, and every claim fails when its method is swapped."""

import numpy as np
import torch

from mldev.experiments import interval, paired_difference
from mldev.training import architectures as chapter
from mldev.training import architectures_forecast as forecast
from mldev.training import architectures_memory as memory
from mldev.training.architectures import STUDIES, scores
from mldev.training.architectures_cells import reach
from mldev.training.architectures_robust import FIELDS, WORLDS, Recipe


def best(rows, columns, value="valid"):
    means = rows.groupby(columns, sort=False)[value].mean()
    found = means.idxmax()
    return found if isinstance(found, tuple) else (found,)


def test_learning_rates_are_those_that_tuning_chose():
    rows = STUDIES["images-tuning"].rows()
    for (network, pixels), rate in chapter.IMAGE_RATES.items():
        part = rows[(rows["network"] == network) & (rows["pixels"] == pixels)]
        assert best(part, ["learning_rate"]) == (rate,)
    rows = STUDIES["memory-tuning"].rows()
    for reader, rate in chapter.MEMORY_RATES.items():
        assert best(rows[rows["reader"] == reader], ["learning_rate"]) == (rate,)


def test_recipes_are_those_that_tuning_chose():
    rows = STUDIES["robust-tuning"].rows()
    for world in WORLDS:
        for name, recipe in chapter.ALONE[world].items():
            part = rows[(rows["world"] == world) & (rows["recipe"] == name)]
            columns = ["learning_rate", *([FIELDS[name]] if name in FIELDS else [])]
            chosen = dict(zip(columns, best(part, columns), strict=True))
            assert recipe == Recipe(**chosen)
    rows = STUDIES["robust-together"].rows()
    for world in WORLDS:
        part = rows[rows["world"] == world]
        assert best(part, ["learning_rate", "scale"]) == chapter.TOGETHER[world]


def test_forecast_settings_are_those_that_tuning_chose():
    rows = STUDIES["forecast-tuning"].rows()
    columns = [f"ahead_{h}" for h in range(1, forecast.CYCLE + 1)]
    rows = rows.assign(valid=-rows[columns].mean(axis=1))
    for network, chosen in chapter.FORECAST_SETTINGS.items():
        assert best(rows[rows["network"] == network], ["learning_rate", "num_steps"]) == chosen


def test_tuning_and_comparing_share_no_seed():
    for name, other in (("images", "images-tuning"), ("memory", "memory-tuning"), ("robust", "robust-tuning")):
        assert not set(STUDIES[name].rows()["seed"]) & set(STUDIES[other].rows()["seed"])
    assert set(STUDIES["forecast"].rows()["part"]) == {"test"}
    assert set(STUDIES["forecast-tuning"].rows()["part"]) == {"valid"}


def named(network, pixels="in place"):
    return scores(STUDIES["images"].rows(), network=network, pixels=pixels)


def test_convolution_is_ahead_because_of_the_convolution():
    """Both claims about images fail when the convolutional network is swapped for its rival."""
    assert paired_difference(named("convolutional"), named("dense")).above(0)
    assert not paired_difference(named("dense"), named("dense")).above(0)
    ahead = paired_difference(named("convolutional", "shuffled"), named("dense", "shuffled"))
    assert ahead.below(0)
    assert not paired_difference(named("convolutional"), named("dense", "shuffled")).below(0)


def heard_back(reader, seeds=5):
    asked = memory.sequences(64, torch.Generator().manual_seed(0)).inputs
    far = memory.LENGTH - 21
    return np.log10([float(reach(memory.build(reader, s).layer, asked)[far]) for s in range(seeds)])


def test_only_the_keeping_gate_hears_the_past():
    keeping, usual, plain = (heard_back(r) for r in ("LSTM, keeping", "LSTM", "RNN"))
    assert paired_difference(keeping, usual).above(2)
    assert not paired_difference(plain, usual).above(2)
    near = paired_difference(usual, plain)
    assert near.above(-1) and near.below(1)
    far = paired_difference(keeping, plain)
    assert not (far.above(-1) and far.below(1))


def test_gates_are_what_remembers():
    rows = STUDIES["memory"].rows()
    learned = {name: scores(rows, reader=name) for name in memory.READERS}
    assert interval(learned["GRU"]).above(0.9) and interval(learned["LSTM, keeping"]).above(0.9)
    assert paired_difference(learned["GRU"], learned["RNN"]).above(0.5)
    for ungated in ("RNN", "dense"):
        assert not interval(learned[ungated]).above(0.9)
        assert not paired_difference(learned[ungated], learned["dense"]).above(0.5)


def told(way, world):
    return scores(STUDIES["inputs"].rows(), world, network={"Bayes": "image", "two inputs": "image and script"}[way])


def test_it_is_the_script_that_helps():
    alone = scores(STUDIES["inputs"].rows(), "image alone", network="image")
    for way in ("Bayes", "two inputs"):
        for world in ("sure", "unsure"):
            assert chapter.corrected(told(way, world), alone, 4).above(0)
    assert not chapter.corrected(alone, alone, 4).above(0)


def test_a_second_output_helps_where_names_are_rare():
    rows = STUDIES["outputs"].rows()
    both, one = (scores(rows, "character", network=f"{n}, few names") for n in ("both", "character"))
    assert paired_difference(both, one).above(0)
    assert not paired_difference(one, one).above(0)
