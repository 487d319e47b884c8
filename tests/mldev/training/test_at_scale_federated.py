"""Federated averaging: against Flower, against data parallelism, with unlike clients and with cheats."""

import sys
import threading

import numpy as np
import psutil
import pytest
import scipy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mldev.experiments import interval, paired_difference
from mldev.training import at_scale_studies as studies
from mldev.training.at_scale_data import digits
from mldev.training.at_scale_federated import (
    Clients,
    average,
    federated_averaging,
    label_mixes,
    median,
    sample_batches,
    screened_average,
    share_out,
    trimmed_mean,
)

from mldev.training import at_scale_flower  # isort: skip  (first: it turns Flower's telemetry off)
from mldev.training.at_scale_flower import run_flower  # isort: skip
from mldev.training.at_scale_network import initial_weights, largest_difference, train

import flwr  # isort: skip
import flwr.serverapp.strategy as flower  # isort: skip


def federation(skew=0.3, num_steps=12, seed=0):
    data = digits(seed)
    clients = share_out(data.X_train, data.y_train, skew, seed)
    return initial_weights(seed), clients, sample_batches(num_steps, 80, (10, 8), seed)


def parity(record_property, algorithm, library, version, difference, tolerance=1e-12):
    assert difference < tolerance
    seen = {
        "algorithm": algorithm,
        "library": library,
        "version": str(version),
        "tolerance": tolerance,
        "difference": float(difference),
        "kind": "numbers",
    }
    record_property("parity", seen)


@pytest.mark.parity
@pytest.mark.parametrize("name, combine", [("FedAvg", average), ("FedMedian", median), ("FedTrimmedAvg", trimmed_mean)])
def test_rounds_equal_flowers(name, combine, record_property):
    weights, clients, batches = federation()
    ours = federated_averaging(weights, clients, batches, 4, 0.3, combine)[-1]
    theirs = run_flower(getattr(flower, name)(fraction_evaluate=0.0), weights, clients, batches, 4, 0.3)
    parity(
        record_property,
        f"Federated rounds, {combine.__name__.replace('_', ' ')}",
        f"flwr {name}",
        flwr.__version__,
        largest_difference(ours, theirs),
    )


class Unequal(Clients):
    """Clients that say they hold unequal numbers of images."""

    @property
    def sizes(self):
        return torch.arange(1, 11, dtype=torch.float64)


def test_flower_counts_clients_by_their_sizes_as_we_do():
    weights, clients, batches = federation()
    unequal = Unequal(clients.X, clients.y)
    ours = federated_averaging(weights, unequal, batches, 4, 0.3)[-1]
    theirs = run_flower(flower.FedAvg(fraction_evaluate=0.0), weights, unequal, batches, 4, 0.3)
    assert largest_difference(ours, theirs) < 1e-12
    equal = federated_averaging(weights, clients, batches, 4, 0.3)[-1]
    assert largest_difference(ours, equal) > 1e-4  # the sizes mattered


def test_the_engine_leaves_nothing_behind():
    weights, clients, batches = federation()
    before, known = (threading.active_count(), psutil.Process().children()), set(sys.modules)
    run_flower(flower.FedAvg(fraction_evaluate=0.0), weights, clients, batches[:4], 4, 0.3)
    assert (threading.active_count(), psutil.Process().children()) == before
    assert "ray" not in {name.partition(".")[0] for name in set(sys.modules) - known}


def test_an_error_of_the_engine_is_an_error(monkeypatch):
    def broken(self, app_fn):
        raise OSError("no workers today")

    monkeypatch.setattr(at_scale_flower.Threads, "build", broken)
    monkeypatch.setattr(at_scale_flower, "PATIENCE", 0.1)
    weights, clients, batches = federation()
    with pytest.raises(RuntimeError, match="Simulation Runtime crashed"):
        run_flower(flower.FedAvg(fraction_evaluate=0.0), weights, clients, batches[:4], 4, 0.3)


def test_flower_reports_to_nobody():
    from flwr.supercore import telemetry

    assert telemetry.FLWR_TELEMETRY_ENABLED == "0"


@pytest.mark.parity
@pytest.mark.parametrize("cut", [0, 1, 2, 4])
def test_trimmed_mean_equals_scipys(cut, record_property):
    values = torch.randn(10, 6, 5, generator=torch.Generator().manual_seed(cut), dtype=torch.float64)
    ours = trimmed_mean({"w": values}, {}, torch.ones(10), cut)["w"].numpy()
    theirs = scipy.stats.trim_mean(values.numpy(), cut / 10, axis=0)
    parity(
        record_property, f"Trimmed mean, {cut} of 10 cut", "scipy.stats", scipy.__version__, np.abs(ours - theirs).max()
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(0, 99))
def test_median_is_numpys_for_any_number_of_clients(num_clients, seed):
    values = torch.randn(num_clients, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    ours = median({"w": values}, {}, torch.ones(num_clients))["w"].numpy()
    assert np.allclose(ours, np.median(values.numpy(), axis=0), atol=1e-14)


def gap_to_parallel(local_steps):
    weights, clients, batches = federation(skew=0.1)
    shared = federated_averaging(weights, clients, batches, local_steps, 0.3)[-1]
    merged = (batches + 80 * torch.arange(10).view(1, 10, 1)).flatten(1)
    parallel = train(weights, clients.X.flatten(0, 1), clients.y.flatten(), merged, 0.3)
    return largest_difference(shared, parallel)


def test_claim_of_data_parallelism_needs_a_single_local_step():
    assert gap_to_parallel(1) < 1e-12 < gap_to_parallel(2)


@pytest.mark.parametrize("skew", [0.05, 1.0, 100.0])
def test_sharing_out_gives_everybody_as_much_and_nothing_twice(skew):
    data = digits(0)
    numbered = torch.arange(len(data.y_train), dtype=torch.float64).unsqueeze(1)
    clients = share_out(numbered, data.y_train, skew, seed=0)
    given_out = clients.X.flatten().long()
    assert clients.y.shape == (10, 80) and len(set(given_out.tolist())) == 800
    assert torch.equal(data.y_train[given_out], clients.y.flatten())


def test_a_small_concentration_makes_clients_unlike():
    kinds = [np.mean([len(set(c.tolist())) for c in federation(skew)[1].y]) for skew in (0.1, 100.0)]
    assert kinds[0] < 5 < kinds[1]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: label_mixes(0.0, 3, 0), "skew: 0.0; allowed"),
        (lambda: share_out(torch.ones(9, 1), torch.zeros(9, dtype=torch.long), 1, 0), "num_clients x rows"),
        (lambda: trimmed_mean({"w": torch.ones(4)}, {}, torch.ones(4), 2), "cut: 2; allowed"),
        (lambda: federated_averaging(*federation(), 5, 0.3), "local_steps: 5; allowed"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_screening_drops_what_is_no_number_or_far_too_long():
    start = {"w": torch.zeros(2, 3)}
    sent = {"w": torch.ones(5, 2, 3) + torch.arange(5.0).view(5, 1, 1) / 10}
    sent["w"][0], sent["w"][1] = torch.nan, 50.0
    kept = screened_average(sent, start, torch.ones(5))["w"]
    assert torch.allclose(kept, sent["w"][2:].mean(0))
    nothing = {"w": torch.full((5, 2, 3), torch.nan)}
    assert torch.equal(screened_average(nothing, start, torch.ones(5))["w"], start["w"])


def points(skew, cheat, combine, seeds=5):
    row = {"skew": skew, "cheat": cheat, "combine": combine}
    return [100 * studies.cheat_row(row | {"seed": seed})["test"] for seed in range(seeds)]


@pytest.fixture(scope="module")
def honest():
    return points(100.0, "none", "mean", seeds=3)


@pytest.mark.parametrize("cheat", ["not a number", "scaled"])
def test_claims_of_garbage_fail_when_the_combiners_are_swapped(cheat, honest):
    ruined = paired_difference(honest, points(100.0, cheat, "mean", seeds=3))
    survived = paired_difference(honest, points(100.0, cheat, "checked mean", seeds=3))
    assert ruined.above(50) and not survived.above(50)
    assert survived.below(5) and not ruined.below(5)


@pytest.fixture(scope="module")
def kept():
    rows = studies.STUDIES["cheats"].rows().sort_values("seed")
    return {key: 100 * group["test"].to_numpy() for key, group in rows.groupby(["skew", "cheat", "combine"])}


def test_claim_of_the_caught_labels_needs_labels_that_are_turned(kept):
    def gain(cheat, combine):
        return paired_difference(kept[100.0, cheat, combine], kept[100.0, cheat, "mean"])

    for combine in ("median", "trimmed mean"):
        assert gain("turned labels", combine).above(0)
        assert not gain("none", combine).above(0)  # without the effect in the data
    assert not gain("turned labels", "mean").above(0)  # swapped for its baseline
    check = kept[100.0, "turned labels", "checked mean"]
    assert paired_difference(kept[100.0, "turned labels", "median"], check).above(0)
    assert not paired_difference(check, check).above(0)


def test_claim_of_the_price_needs_unlike_clients(kept):
    def price(skew, combine):
        return paired_difference(kept[skew, "none", "mean"], kept[skew, "none", combine])

    assert price(0.1, "median").above(15) and price(0.1, "trimmed mean").above(5)
    assert not price(100.0, "median").above(15) and not price(100.0, "trimmed mean").above(5)
    assert price(0.1, "checked mean").below(2) and not price(0.1, "median").below(2)


def test_claim_of_the_dearer_cure_needs_unlike_clients(kept):
    cheats = kept[100.0, "none", "mean"] - kept[100.0, "turned labels", "mean"]
    for combine in ("median", "trimmed mean"):
        price = {a: kept[a, "none", "mean"] - kept[a, "none", combine] for a in (0.1, 100.0)}
        assert paired_difference(price[0.1], cheats).above(5)
        assert not paired_difference(price[100.0], cheats).above(5)


def test_claim_of_passing_updates_needs_updates_of_ordinary_length(monkeypatch):
    """Turned labels pass early and less so late; honest clients pass late as well; too long an update never does."""
    sent = [studies.lengths_sent(seed) for seed in range(3)]
    turned = 100 * np.array([studies.passing(lengths) for lengths in sent])
    assert turned[:, :10].mean() > 90 and turned[:, -5:].mean() < turned[:, :10].mean()
    honest = 100 * studies.passing(studies.lengths_sent(0, cheat=lambda clients: clients))
    assert not honest[-5:].mean() < honest[:10].mean()
    monkeypatch.setattr(studies, "MAX_STEP", 0.1)  # a check that believes next to nothing
    assert not np.mean(studies.passing(sent[0])[:10]) > 0.9


def test_claim_of_short_updates_needs_turned_labels():
    """Honest updates become shorter; those of the first two clients become longer only when they cheat."""

    def shrunk(cheat, who):
        sent = np.array([studies.lengths_sent(seed, cheat)[:, who] for seed in range(3)])
        return paired_difference(sent[:, :10].mean(axis=(1, 2)), sent[:, -5:].mean(axis=(1, 2)))

    two, others = slice(studies.CHEATS), slice(studies.CHEATS, None)
    assert shrunk(studies.flipped, others).above(0) and shrunk(studies.flipped, two).below(0)
    assert not shrunk(lambda clients: clients, two).below(0)


def test_the_count_of_what_passes_is_the_servers_own():
    lengths = studies.lengths_sent(0)[-3:]
    for row, share in zip(lengths, studies.passing(lengths), strict=True):
        start = {"w": torch.zeros(1, 11, dtype=torch.float64)}
        marks = 1e-12 * torch.eye(10, dtype=torch.float64)  # who it was, too short to matter
        sent = {"w": torch.cat([torch.tensor(row).unsqueeze(1), marks], dim=1).unsqueeze(1)}
        kept = screened_average(sent, start, torch.ones(10, dtype=torch.float64))["w"][0, 1:] > 0
        assert share == float(kept[: studies.CHEATS].double().mean())


def test_claim_of_forgetting_clients_needs_unlike_ones():
    unlike = [studies.forgotten_by_clients(seed, 0.1, 50) for seed in range(3)]
    assert interval([100 * c["lacking"] for c in unlike]).below(-20)
    still = [studies.forgotten_by_clients(seed, 0.1, 1) for seed in range(3)]  # no time to forget
    assert not interval([100 * c["lacking"] for c in still]).below(-20)


def test_claim_of_the_mending_average_needs_an_average_of_all(monkeypatch):
    def changes():
        found = [studies.forgotten_by_clients(seed, 0.1, 50) for seed in range(3)]
        return [100 * np.array([c[name] for c in found]) for name in ("average", "copies")]

    mended, copies = changes()
    assert interval(mended).above(-5) and paired_difference(mended, copies).above(10)
    first = lambda local, start, sizes: {name: w[0] for name, w in local.items()}  # noqa: E731
    monkeypatch.setattr(studies, "average", first)  # swapped for a single copy
    alone, copies = changes()
    assert not interval(alone).above(-5) and not paired_difference(alone, copies).above(10)


def test_claim_of_the_closing_gap_needs_rounds_and_unlike_clients():
    like, unlike = (100 * np.array([studies.by_round(s, a, 50, 20) for s in range(2)]) for a in (100.0, 0.1))
    gap = like - unlike
    assert (gap[:, 3] > 10).all() and (gap[:, 19] < 8).all()
    assert not (gap[:, 3] < 8).any()  # without the rounds
    assert not (np.zeros_like(gap)[:, 3] > 10).any()  # without the difference


def test_claim_of_pulling_apart_needs_unlike_clients():
    found = {skew: interval([studies.agreement(seed, skew, 20) for seed in range(3)]) for skew in (0.1, 100.0)}
    assert found[0.1].high < found[100.0].low
    assert not found[100.0].high < found[100.0].low


def test_claim_of_skew_needs_local_steps():
    """With one local step swapped in for fifty, the difference between like and unlike clients goes."""
    rows = studies.STUDIES["skew"].rows()
    tests = {
        key: 100 * studies.chosen_rows(group, ["learning_rate"], "valid_200")["test"].to_numpy()
        for key, group in rows.groupby(["skew", "local_steps"])
    }
    rare = tests[100.0, 50] - tests[0.1, 50]
    often = tests[100.0, 1] - tests[0.1, 1]
    assert paired_difference(rare, often).above(0)
    assert not paired_difference(often, often).above(0)
    central = tests[100.0, 0]
    assert paired_difference(central, tests[0.1, 50]).above(0)
    assert not paired_difference(central, central).above(0)


def test_claim_of_ruinous_steps_needs_unlike_clients():
    rows = studies.STUDIES["skew"].rows()

    def behind(skew, local_steps):
        large = rows[(rows["skew"] == skew) & (rows["learning_rate"] == 1.0)].sort_values("seed")
        ends = {e: 100 * group["valid_200"].to_numpy() for e, group in large.groupby("local_steps")}
        return paired_difference(ends[1], ends[local_steps])

    for local_steps in (10, 50):
        assert behind(0.1, local_steps).above(20)
        assert not behind(100.0, local_steps).above(20)
    assert not behind(0.1, 1).above(20)


def test_the_choice_looks_at_validation_alone():
    rows = studies.STUDIES["skew"].rows()
    group = rows[(rows["skew"] == 0.1) & (rows["local_steps"] == 50)]
    best = studies.best_setting(group, ["learning_rate"], "valid_200")
    assert studies.best_setting(group.assign(test=0.0), ["learning_rate"], "valid_200") == best


def test_a_row_of_the_skew_study_is_made_again():
    assert studies.STUDIES["skew"].recheck(num_rows=1)["difference"].max() <= studies.TOLERANCE
