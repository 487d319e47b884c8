"""The claims of the chapter on unsupervised learning: each fails when its method is swapped for the baseline."""

import numpy as np
import pandas as pd
import pytest

from mldev.experiments import interval, paired_difference, ratio_interval, repeat
from mldev.introduction import unsupervised_data as data
from mldev.introduction import unsupervised_experiments as chapter
from mldev.introduction import unsupervised_maps as maps
from mldev.introduction.unsupervised import random_start

SEEDS = 5


def table(run, seeds=SEEDS):
    return pd.DataFrame(repeat(run, seeds))


def agreements(rows, columns):
    """The agreement of each setting, in the order of the seeds."""
    return {key: part["agreement"].to_numpy() for key, part in rows.groupby(columns)}


def test_starts_matter_where_clusters_are_apart(monkeypatch):
    """Swap k-means++ for random starts, and nothing is saved on the grid."""

    def saved(name):
        runs = pd.DataFrame(repeat(chapter.start_run, 8, num_starts=1))
        return ratio_interval(runs[f"{name}, random"], runs[f"{name}, k-means++"])

    assert saved("grid").above(1.1)
    monkeypatch.setitem(chapter.STARTS, "k-means++", random_start)
    assert not saved("grid").above(1.1)


def test_restarts_beat_one_start_on_digits():
    """Swap the five restarts for one, and the claim fails."""

    def beaten(num_starts):
        runs = pd.DataFrame(repeat(chapter.start_run, 20, num_starts=num_starts))
        ratio = ratio_interval(runs["digits, k-means++"], runs["digits, random, best"])
        return ratio.above(1)

    assert beaten(5)
    assert not beaten(1)


@pytest.fixture(scope="module")
def prepared():
    return table(chapter.preparation_run)


def test_preparing_decides(prepared, monkeypatch):
    """Swap standardising and centring for leaving the data alone, and the claims fail."""

    def gain(runs, name, way):
        return paired_difference(runs[f"{name}, {way}"], runs[f"{name}, raw"])

    assert gain(prepared, "wine", "standardised").above(0)
    assert gain(prepared, "digits", "standardised").below(0)
    assert gain(prepared, "glyphs", "centred").above(0.2)
    monkeypatch.setattr(chapter, "standardise", lambda X: X)
    monkeypatch.setattr(chapter, "centre_ink", lambda image: image)
    same = table(chapter.preparation_run, 2)
    assert not gain(same, "wine", "standardised").above(0)
    assert not gain(same, "digits", "standardised").below(0)
    assert not gain(same, "glyphs", "centred").above(0.2)


@pytest.fixture(scope="module")
def counts():
    return chapter.count_table(SEEDS)


def test_the_elbow_follows_the_range_and_the_silhouette_does_not(counts):
    """Swap the elbow for the silhouette: that of five clusters is highest at the same k, whatever the range."""
    chosen = chapter.chosen_counts(counts).set_index("data")
    for name in ("digits", "noise"):
        assert interval((chosen["elbow up to 20"] - chosen["elbow up to 10"])[name]).above(0)
    assert interval(5 - chosen["elbow up to 10"]["five clusters"]).above(0)
    assert not interval(5 - chosen["silhouette"]["five clusters"]).above(0)
    short = chapter.chosen_counts(counts[counts["k"] <= 10]).set_index("data")
    assert not interval((chosen["silhouette"] - short["silhouette"])["five clusters"]).above(0)


def test_the_silhouette_finds_separate_groups_only(counts):
    """Swap the silhouette for the elbow, and the separate clusters are missed; letters are missed anyway."""
    chosen = chapter.chosen_counts(counts).set_index("data")

    def off(rule, name, true):
        return interval((chosen[rule][name] - true).abs())

    assert off("silhouette", "five clusters", 5).below(1) and off("silhouette", "wine", 3).below(1)
    assert off("silhouette", "letters", 10).above(3) and off("silhouette", "digits", 10).above(1)
    assert not off("elbow up to 10", "five clusters", 5).below(1)


def test_linkage_decides():
    trees = agreements(chapter.linkage_table(10), ["data", "method"])

    def more(name, one, other):
        return paired_difference(trees[name, one], trees[name, other]).above(0)

    assert more("moons", "single", "ward") and more("digits", "ward", "single")
    assert more("digits", "ward", "k-means")
    assert not more("digits", "single", "ward") and not more("moons", "ward", "single")
    assert more("wine", "k-means", "ward"), "what holds on digits does not hold on wine"


def test_ten_components_are_enough_and_two_are_not():
    kept = agreements(chapter.component_table(SEEDS), ["components", "whitened"])

    def enough(num):
        return paired_difference(kept[num, False], kept[60, False]).above(-0.1)

    assert enough(10) and not enough(2)
    assert paired_difference(kept[60, True], kept[60, False]).below(-0.3)
    assert not paired_difference(kept[5, True], kept[5, False]).below(-0.3), "few components may be whitened"


def test_parts_are_sparse_cost_error_and_depend_on_the_start(monkeypatch):
    """Swap NMF for directions that may cancel: neither sparsity nor error differ, and all starts agree."""
    found = table(chapter.parts_run, 10)
    assert paired_difference(found["sparsity, NMF"], found["sparsity, PCA"]).above(0)
    assert ratio_interval(found["error, NMF"], found["error, PCA"]).above(1)
    assert interval(found["similarity of starts"]).below(0.9)
    same = ratio_interval(found["error, NMF"], found["error, NMF, other start"])
    assert same.above(0.95) and same.below(1.05)
    monkeypatch.setattr(chapter, "factorise", cancelling)
    swapped = table(chapter.parts_run)
    assert not paired_difference(swapped["sparsity, NMF"], swapped["sparsity, PCA"]).above(0)
    assert not ratio_interval(swapped["error, NMF"], swapped["error, PCA"]).above(1)
    assert not interval(swapped["similarity of starts"]).below(0.9)


def cancelling(X, W, H, num_steps):
    """The best factors when negative numbers are allowed: the first principal components and the mean."""
    num = len(H) - 1
    found = chapter.principal_components(X, num)
    rebuilt = found.mean + found.scores(X) @ found.directions
    return W, found.directions, [((X - rebuilt) ** 2).sum()]


def test_topics_follow_libraries_as_far_as_clusters_do_and_shuffled_texts_do_not(monkeypatch):
    """Shuffle the libraries, and no topic follows them; break the factors, and they fall behind k-means."""
    scores = table(chapter.topic_run)
    against = paired_difference(scores["NMF"], scores["k-means"])
    assert interval(scores["NMF"]).above(0.2) and interval(scores["NMF"]).below(0.6)
    assert against.above(-0.1) and against.below(0.1)
    X, words, y = data.texts()
    shuffled = np.random.default_rng(0).permutation(y)
    with monkeypatch.context() as swap:
        swap.setattr(chapter, "texts", lambda seed: (X, words, shuffled))
        assert not chapter.topic_run(0)["NMF"] > 0.2
    monkeypatch.setattr(chapter, "factorise", lambda X, W, H, num_steps: (W, H, [0.0]))
    untrained = table(chapter.topic_run, 3)
    assert not paired_difference(untrained["NMF"], untrained["k-means"]).above(-0.1)


def test_islands_in_noise_vanish_with_the_map(monkeypatch):
    """Swap t-SNE for two principal components, and noise looks no more clustered than a cloud in the plane."""

    def more():
        seen = table(chapter.island_run, 4)
        assert paired_difference(seen[42], seen["plane"]).below(0.1)
        return paired_difference(seen[2], seen["plane"]).above(0.05)

    assert more()
    monkeypatch.setattr(chapter, "t_sne_map", flat_map)
    assert not more()


def flat_map(name, seed, perplexity, rate=None):
    """The baseline of a map: two principal components, whatever the perplexity."""
    X = chapter.data_to_map(name, seed)[0]
    return chapter.principal_components(X, 2).scores(X)


def test_sizes_are_hidden_by_the_map_only():
    wide = table(chapter.spread_run, 4)
    assert interval(wide["map"]).above(0.9) and interval(wide["map"]).below(1.1)
    assert interval(wide["data"]).above(9) and not interval(wide["PCA"]).below(1.1)


def test_distances_need_a_perplexity_above_the_cluster(monkeypatch):
    """Swap t-SNE for two principal components, and no perplexity makes a difference."""

    monkeypatch.setattr(chapter, "PERPLEXITIES", (12, 42))

    def holds():
        far = table(chapter.distance_run, 4)
        below, jump = paired_difference(far[12], far["PCA"]), paired_difference(far[42], far[12])
        return below.below(-0.5), jump.above(0.3)

    assert holds() == (True, True)
    monkeypatch.setattr(chapter, "t_sne_map", flat_map)
    assert holds() == (False, False)


def test_a_start_survives_small_steps_only(monkeypatch):
    """Swap the small steps for scikit-learn's, or the start from PCA for a random one, and nothing is gained."""
    monkeypatch.setattr(chapter, "PERPLEXITIES", (12,))
    chapter.t_sne_map.cache_clear()

    def holds():
        far = table(chapter.distance_run)
        small = far["12, small steps"]
        return paired_difference(small, far[12]).above(0.2), paired_difference(small, far["PCA"]).below(-0.2)

    assert holds() == (True, True)
    own = chapter.t_sne_map
    with monkeypatch.context() as swap:
        swap.setattr(chapter, "t_sne_map", lambda name, seed, perplexity, rate=None: own(name, seed, perplexity))
        assert holds() == (False, True)
    with monkeypatch.context() as swap:
        swap.setattr(chapter, "t_sne_map", flat_map)
        assert holds() == (False, False)
    monkeypatch.setattr(maps, "pca_start", lambda X: 1e-4 * np.random.default_rng(0).normal(size=(len(X), 2)))
    chapter.t_sne_map.cache_clear()
    assert holds()[0] is False
    chapter.t_sne_map.cache_clear()


def test_neighbours_survive_where_there_is_structure(monkeypatch):
    """Swap the map for two principal components: less than half is kept of digits; noise loses most anyway."""

    def holds():
        near = table(chapter.neighbour_run)
        surplus = paired_difference(near["digits, map"], near["digits, PCA"])
        assert interval(near["noise, map"]).below(0.5)
        return surplus.above(0), interval(near["digits, map"]).above(0.5)

    assert holds() == (True, True)
    monkeypatch.setattr(chapter, "t_sne_map", flat_map)
    assert holds() == (False, False)


def test_kept_neighbours_at_their_ends():
    """A scaled copy keeps all neighbours, a shuffled one those that chance keeps."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    assert chapter.neighbours_kept(X, 5 * X - 1) == 1
    assert chapter.neighbours_kept(X, np.random.default_rng(1).permutation(X)) == pytest.approx(10 / 199, abs=0.02)
    line = np.array([[0.0], [1], [3], [7]])
    assert chapter.neighbours_kept(line, line[[1, 0, 2, 3]], num=1) == 0.75
    with pytest.raises(ValueError, match="num 4: expected a number from 1 to 3"):
        chapter.neighbours_kept(line, line, num=4)


def test_maps_help_k_means_and_two_components_do_not(monkeypatch):
    monkeypatch.setattr(chapter, "FOR_CLASSES", (12,))
    mapped = table(chapter.map_run, 8)
    assert paired_difference(mapped[12], mapped["pixels"]).above(0)
    assert not paired_difference(mapped["PCA"], mapped["pixels"]).above(0)


def test_smaller_clusters_need_less_perplexity():
    """Ten rows a cluster: perplexity 16 is enough and 5 is not. With 25 rows, 16 is not enough either."""

    def correlation(seed, perplexity, num):
        X, y = data.near_and_far(seed, num=num)
        drawn, true = chapter.gaps(chapter.t_sne(X, perplexity), y), chapter.gaps(X, y)
        return chapter.spearmanr(drawn, true).statistic

    def jump(num):
        high, low = (repeat(correlation, SEEDS, perplexity=p, num=num) for p in (16, 5))
        return paired_difference(high, low)

    assert jump(10).above(0.3)
    assert not jump(25).above(0.3)


def test_results_depend_on_the_seed_alone():
    first, again = chapter.parts_run(3), chapter.parts_run(3)
    assert first == again != chapter.parts_run(4)
