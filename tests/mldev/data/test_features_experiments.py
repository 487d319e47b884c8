"""The claims on selecting features: each fails when its method is swapped for the baseline, or the effect removed."""

import json

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.neighbors import NearestCentroid

from mldev import plotting
from mldev.data import features_comparison as comparison
from mldev.data import features_noise as noise
from mldev.data import features_pictures as pictures
from mldev.data import features_stability as stability
from mldev.data.features import correlations, jaccard, mutual_information
from mldev.experiments import interval, paired_difference


def rows_of(run, seeds, **options):
    return pd.DataFrame([row for seed in range(seeds) for row in run(seed, **options)])


# --- what filters see ---


@pytest.fixture(scope="module")
def seen():
    return rows_of(stability.shapes_run, 20)


def test_information_sees_the_arch_and_the_correlation_does_not(seen):
    def above_noise(score, shape):
        table = seen.pivot(index="seed", columns="shape", values=score)
        return paired_difference(table[shape], table["noise"])

    assert above_noise("information", "arch").above(0.05)
    assert above_noise("correlation", "arch").below(0.03)
    assert not above_noise("correlation", "arch").above(0.05), "the filter swapped"
    assert not above_noise("information", "arch").below(0.03)
    assert above_noise("information", "one of a pair").below(0.01)
    assert not above_noise("information", "line").below(0.01)


def test_the_pair_tells_more_together_than_with_noise(seen):
    assert paired_difference(seen["pair"][::4], seen["pair with noise"][::4]).above(0.02)
    assert not paired_difference(seen["pair with noise"][::4], seen["pair"][::4]).above(0.02)


def test_names_look_informative_unless_adjusted():
    def chance(seed, score, categories):
        rng = np.random.default_rng(seed)
        return score(rng.integers(0, categories, 200), rng.integers(0, 2, 200))

    def gain(score):
        many, few = ([chance(seed, score, c) for seed in range(20)] for c in (200, 2))
        return paired_difference(many, few)

    assert gain(mutual_information).above(0.2)
    assert not gain(adjusted_mutual_info_score).above(0.2)


def test_a_product_is_selected_once_it_is_there():
    def share(product):
        found = []
        for seed in range(8):
            A, y = stability.shapes(seed)
            A = np.column_stack([A, A[:, 2] * A[:, 3]]) if product else A
            found.append([select(A, y, 3)[-1] for select in noise.SELECTIONS.values()])
        return np.mean(found, axis=0)

    assert (share(True) > 0.8).all()
    assert not (share(False) > 0.8).any()


# --- fake accuracy ---


@pytest.fixture(scope="module")
def fake():
    return rows_of(noise.fake_run, 8, rows=(20, 40, 80))


@pytest.mark.parity
def test_the_centroid_classifier_equals_scikit_learn(record_property):
    X, y = noise.noise(0, 60, 5)
    X[y == 1] += 0.5
    differ = max(
        abs(
            noise.centroid_accuracy(X, y, train, test)
            - NearestCentroid().fit(X[train], y[train]).score(X[test], y[test])
        )
        for train, test in noise.folds(y, 0)
    )
    record_property("parity", {
        "algorithm": "nearest class mean: accuracy", "library": "scikit-learn", "version": sklearn.__version__,
        "tolerance": 1e-12, "difference": float(differ), "kind": "numbers",
    })  # fmt: skip
    assert differ < 1e-12


def test_scores_by_fold_are_the_correlations_of_its_rows():
    X, y = noise.noise(3, 40, 7)
    splits = noise.folds(y, 3)
    ours = noise.scores_by_fold(X, y, splits)
    rows = [np.arange(40)] + [train for train, _ in splits]
    theirs = np.array([correlations(X[r], y[r]) ** 2 for r in rows])
    assert np.allclose(ours, theirs)


def test_selection_outside_the_folds_invents_accuracy(fake):
    def invents(where, columns, kept=10):
        part = fake[(fake["rows"] == 40) & (fake["columns"] == columns) & (fake["kept"] == kept)]
        return interval(part[where]).above(0.9)

    assert invents("outside", 10_000)
    assert not invents("inside", 10_000) and not invents("outside", 10)
    ten = fake[(fake["columns"] == 10) & (fake["kept"] == 10)]
    assert np.allclose(ten["outside"], ten["inside"]), "with ten columns nothing is selected"
    inside = interval(fake.groupby("seed")["inside"].mean())
    assert inside.above(0.45) and inside.below(0.55)
    outside = interval(fake.groupby("seed")["outside"].mean())
    assert not outside.below(0.55)


def test_more_columns_kept_invent_more(fake):
    part = fake[(fake["rows"] == 80) & (fake["columns"] == 10_000)]

    def more(where):
        table = part.pivot(index="seed", columns="kept", values=where)
        return paired_difference(table[30], table[1]).above(0)

    assert more("outside") and not more("inside")
    best = noise.best_correlations(200, 10_000, 1)[0]
    assert 0.7 < best / (2 * np.log(10_000) / 200) < 1.1, "the rule of thumb"


def test_the_formula_foretells_and_its_mutants_do_not(fake, monkeypatch):
    means = fake.groupby(["rows", "columns", "kept"])["outside"].mean()

    def misses():
        return np.abs(means - [noise.expected_accuracy(*size) for size in means.index])

    honest = misses()
    assert honest.max() < 0.08 and honest.mean() < 0.025
    monkeypatch.setattr(noise, "best_correlations", lambda rows, columns, kept: np.full(kept, 1 / rows))
    assert misses().max() > 0.08 and misses().mean() > 0.025, "the luck of one column instead of the best"


def test_columns_in_blocks_invent_less_than_foretold(fake):
    sizes = {"rows": (40,), "columns": (10_000,), "kept": (10,)}
    upper = noise.expected_accuracy(40, 10_000, 10)
    linked = rows_of(noise.fake_run, 8, **sizes, block=20)["outside"]
    assert interval(linked).below(upper - 0.04) and interval(linked).above(0.8)
    apart = fake[(fake["rows"] == 40) & (fake["columns"] == 10_000) & (fake["kept"] == 10)]["outside"]
    assert not interval(apart).below(upper - 0.04), "independent columns"
    X, _ = noise.noise(0, 4000, 50, block=20)
    correlation = np.corrcoef(X.T)
    assert correlation[0, 19] == pytest.approx(0.8, abs=0.03) and abs(correlation[19, 20]) < 0.06
    assert correlation[40, 49] == pytest.approx(0.8, abs=0.03)


def test_the_formula_gives_one_half_without_a_choice():
    for rows, kept in ((40, 10), (200, 30)):
        assert noise.expected_accuracy(rows, kept, kept) == pytest.approx(0.5, abs=0.02)
    assert noise.expected_accuracy(40, 10_000, 10) > noise.expected_accuracy(400, 10_000, 10)
    with pytest.raises(ValueError, match="kept 11"):
        noise.best_correlations(40, 10, 11)
    with pytest.raises(ValueError, match="rows 7"):
        noise.noise(0, 7, 10)


def test_the_invented_part_falls_with_the_root_of_the_rows():
    left = [noise.expected_accuracy(n, 1000, 10) - 0.5 for n in (1000, 4000, 2000)]
    assert 0.45 < left[1] / left[0] < 0.55
    assert not 0.45 < left[2] / left[0] < 0.55


def fakes(ways, seeds, where="outside"):
    table = rows_of(noise.selections_run, seeds, selections=ways)
    return table.pivot(index="seed", columns="method", values=where).mean()


def test_every_selection_that_looks_at_the_label_fakes_and_a_blind_one_does_not():
    ways = {**few_ways(), "blind": noise.blind}
    table = rows_of(noise.selections_run, 5, selections=ways).groupby("method")
    outside, inside = table["outside"].mean(), table["inside"].mean()
    for method in few_ways():
        assert outside[method] > 0.6 and 0.4 < inside[method] < 0.6
    assert not outside["blind"] > 0.6 and outside["blind"] == inside["blind"]


def test_a_filter_of_any_shape_fakes_too():
    ways = {"information": noise.by_information, "blind": noise.blind}
    outside = fakes(ways, 4)
    assert outside["information"] > 0.52
    assert not outside["blind"] > 0.52


# --- stability ---


def few_ways():
    return {name: noise.SELECTIONS[name] for name in ("correlation", "elimination", "lasso")}


@pytest.fixture(scope="module")
def twins():
    plans = {
        "one": {"copies": 1}, "four": {"copies": 4}, "grouped": {"copies": 4, "wrap": stability.one_per_group},
        "level, one": {"copies": 1, "first": 1.5}, "level, four": {"copies": 4, "first": 1.5},
    }  # fmt: skip
    runs = {plan: rows_of(stability.twins_run, 8, selections=few_ways(), **options) for plan, options in plans.items()}
    return {
        plan: {s: t.pivot(index="seed", columns="method", values=s) for s in ("alike", "accuracy", "signals")}
        for plan, t in runs.items()
    }


def test_copies_destroy_stability_and_groups_restore_it(twins):
    def lost(before, after, score, method):
        return paired_difference(twins[before][score][method], twins[after][score][method])

    for method in ("elimination", "lasso"):
        assert lost("one", "four", "alike", method).above(0.5)
        assert lost("grouped", "four", "alike", method).above(0.5)
        assert not lost("one", "grouped", "alike", method).above(0.5), "without the effect the claim fails"
        assert not lost("four", "four", "alike", method).above(0.5)
        fall = {m: twins["one"]["accuracy"][m] - twins["four"]["accuracy"][m] for m in ("correlation", method)}
        assert paired_difference(fall["correlation"], fall[method]).above(0.02)
        assert not paired_difference(fall[method], fall["correlation"]).above(0.02)


def test_the_filter_keeps_copies_and_without_copies_it_does_not(twins):
    def few(plan, method):
        return interval(twins[plan]["signals"][method]).below(2.5)

    assert few("four", "correlation")
    assert not few("one", "correlation") and not few("grouped", "correlation")
    for method in ("elimination", "lasso"):
        assert interval(twins["four"]["signals"][method]).above(3.5) and not few("four", method)


def test_a_dominant_signal_keeps_the_filter_steady_and_equal_ones_do_not(twins):
    def lost(level, method):
        one, four = (twins[level + copies]["alike"][method] for copies in ("one", "four"))
        return paired_difference(one, four)

    assert lost("", "correlation").below(0.4) and not lost("", "lasso").below(0.4)
    for method in few_ways():
        assert lost("level, ", method).above(0.4)
    assert not lost("", "correlation").above(0.4), "with a dominant signal the claim on equal ones fails"


def test_groups_send_one_column_each():
    X, y = stability.twins(0, copies=4)
    chosen = stability.one_per_group(noise.by_lasso)(X, y, 5)
    assert chosen.sum() == 5 and set(np.flatnonzero(chosen)) == {0, 4, 8, 12, 16}
    assert stability.one_per_group(noise.by_lasso)(X, y, 60).sum() == 25


def test_grouping_is_no_remedy_on_tumours():
    plain, apiece = (
        rows_of(stability.halves_run, 12, **options).pivot(index="seed", columns="method", values="alike")
        for options in ({}, {"wrap": stability.one_per_group})
    )
    assert paired_difference(apiece["correlation"], plain["correlation"]).below(0)
    assert not paired_difference(apiece["lasso"], plain["lasso"]).below(0)
    by_luck = stability.chance_likeness(5, 11) - stability.chance_likeness(5, 30)
    assert not paired_difference(apiece["elimination"], plain["elimination"]).above(by_luck)


def test_the_likeness_by_chance_is_that_of_random_choices():
    rng = np.random.default_rng(0)
    drawn = [np.isin(np.arange(11), rng.permutation(11)[:5]) for _ in range(4000)]
    measured = np.mean([jaccard(a, b) for a, b in zip(drawn[::2], drawn[1::2], strict=True)])
    assert stability.chance_likeness(5, 11) == pytest.approx(measured, abs=0.01)
    assert stability.chance_likeness(5, 5) == 1


def test_filters_are_stable_on_tumours_and_the_lasso_is_not():
    halves = rows_of(stability.halves_run, 12)
    alike = halves.pivot(index="seed", columns="method", values="alike")
    assert paired_difference(alike["correlation"], alike["lasso"]).above(0.2)
    assert not paired_difference(alike["elimination"], alike["lasso"]).above(0.2), "the filter swapped"


def test_groups_are_the_copies():
    X, _ = stability.twins(0, copies=4)
    number = stability.groups(X)
    assert all(len(set(number[4 * s : 4 * s + 4])) == 1 for s in range(5))
    assert len(set(number)) == 25
    with pytest.raises(ValueError, match="copies 0"):
        stability.twins(0, copies=0)


# --- the study ---


@pytest.fixture(scope="module")
def kept_rows():
    return comparison.STUDY.rows()


def small_or_undecided(rows):
    found = comparison.gains(rows)
    wide = found[found["task"].isin(["tumours, products", "docstrings"])]
    small = found.drop(wide.index)[["low", "high"]].abs().to_numpy().max() < 0.01
    return small and (wide["low"] <= 0).all() and (wide["high"] >= 0).all() and wide["high"].max() > 0.02


def test_gains_are_small_or_undecided_and_a_method_that_gained_would_show(kept_rows):
    assert small_or_undecided(kept_rows)
    for task in ("tumours, products", "HIV trial"):
        better = kept_rows.copy()
        better.loc[(better["method"] == "lasso") & (better["task"] == task), "auc"] += 0.05
        assert not small_or_undecided(better)
    same = kept_rows.copy()
    same["auc"] = 0.9
    assert not small_or_undecided(same), "undecided means that a gain is still possible"


def test_the_lasso_is_short_and_elimination_dear(kept_rows):
    kept = kept_rows.pivot_table(index="task", columns="method", values="kept")
    fits = kept_rows.pivot_table(index="task", columns="method", values="fits")

    def short(method):
        share = kept[method] / kept["no selection"]
        return share[["tumours, products", "docstrings"]].max() < 1 / 8

    assert short("lasso") and not short("correlation")
    assert (fits["elimination"] / fits["no selection"]).min() > 8
    assert not (fits["lasso"] / fits["no selection"]).min() > 8


def test_a_row_of_the_study_counts_its_fits():
    row = {"task": "tumours", "method": "lasso", "seed": 0, "fold": 0}
    found = comparison.run_row(row)
    inner = comparison.NUM_FOLDS * comparison.NUM_SETTINGS
    assert found["fits"] == inner + 1, "every inner fold, every setting, and the final fit"
    assert 0.9 < found["auc"] <= 1 and 0 < found["kept"] <= 30


def test_unknown_tasks_and_methods_are_named():
    with pytest.raises(ValueError, match="task 'cats'"):
        comparison.table("cats")
    with pytest.raises(ValueError, match="method 'magic'"):
        comparison.search("magic", 10, 0)


# --- pictures ---


def test_pictures_are_drawn(seen, fake, kept_rows):
    assert len(pictures.shape_scores(seen).axes) == 2
    assert len(pictures.fake_curves(fake).axes[0].lines) >= 6
    matrix = np.eye(8)
    assert pictures.likeness_matrix(matrix, ["a", "b", "c", "d"]).axes
    assert len(pictures.gain_dots(comparison.gains(kept_rows)).axes) == 4


def test_the_chart_holds_every_size_and_both_sliders(fake):
    table = pictures.chart_table(fake[fake["kept"].isin([1, 10])])
    assert set(table["way"]) == set(pictures.WAYS)
    spec = json.loads(pictures.fake_chart(table).to_json())
    names = {param["name"] for param in spec["params"]}
    assert {"n_shown", "k_shown"} <= names
    assert plotting.interactive(pictures.fake_chart(table), alt="x") is not None
