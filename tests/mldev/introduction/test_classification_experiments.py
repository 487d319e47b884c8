"""The runs of the chapter on classification, and its claims: each fails when its method is swapped for the baseline."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from mldev import datasets
from mldev.experiments import interval, ratio_interval, repeat
from mldev.introduction import classification_experiments as chapter
from mldev.introduction.classification import Neighbours, corrected_interval


@pytest.fixture(scope="module")
def curves():
    return repeat(chapter.complexity_run, 20, counts=(1, 15, 45, 255, 355))


@pytest.fixture(scope="module")
def digits_folds():
    digits = datasets.load("digits")
    models = {
        "support vectors": lambda seed: SVC(),
        "twin": lambda seed: SVC(),
        "5 neighbours": lambda seed: KNeighborsClassifier(),
        "most frequent": lambda seed: DummyClassifier(),
        "decision tree": lambda seed: DecisionTreeClassifier(random_state=seed),
        "random forest": lambda seed: RandomForestClassifier(25, random_state=seed),
    }
    return chapter.fold_table(digits.X[:500], digits.y[:500], models, num_seeds=2)


@pytest.fixture(scope="module")
def iris_folds():
    flowers = datasets.load("iris")
    models = {name: make for name, make in chapter.MODELS.items() if name != "random forest"}
    models["most frequent"] = lambda seed: DummyClassifier()
    return chapter.fold_table(flowers.X.to_numpy(), flowers.y.to_numpy(), models)


def over_splits(differences):
    return corrected_interval(differences, num_train=400, num_test=169)


def fair(table, first, second):
    return corrected_interval(table[first] - table[second], num_train=4, num_test=1)


def test_the_complexity_curve_is_that_of_the_estimator():
    run = chapter.complexity_run(3, counts=(1, 2, 15))
    X_train, X_held, y_train, y_held = chapter.tumour_split(3)
    for k in run.index:
        model = chapter.scaled(Neighbours(k)).fit(X_train, y_train)
        assert run.loc[k, "training"] == pytest.approx(model.score(X_train, y_train))
        assert run.loc[k, "held out"] == pytest.approx(model.score(X_held, y_held))


def test_both_ends_lose_and_the_plateau_does_not(curves):
    def gain(k):
        return over_splits([run.loc[45, "held out"] - run.loc[k, "held out"] for run in curves])

    assert gain(1).above(0) and gain(255).above(0)
    assert not gain(45).above(0) and not gain(15).above(0)


def test_only_complex_models_have_a_gap(curves):
    def gap(k):
        return np.array([r.loc[k, "training"] - r.loc[k, "held out"] for r in curves])

    assert over_splits(gap(1) - gap(255)).above(0.2)
    assert not over_splits(gap(45) - gap(255)).above(0.2) and not over_splits(gap(355) - gap(255)).above(0.2)
    assert all(run.loc[1, "training"] == 1 for run in curves)


def test_ties_change_answers_on_coarse_features_only():
    ties = pd.DataFrame(repeat(chapter.tie_run, 5))
    assert interval(ties["iris sepals"]).above(0.01)
    assert not ties["digits"].any()


@pytest.fixture(scope="module")
def spread():
    seeds = dict(zip(chapter.GROUPS, (10, 3), strict=True))
    return {g: pd.DataFrame(repeat(chapter.split_run, n, group=g, num_splits=10)) for g, n in seeds.items()}


def test_stratifying_steadies_the_rare_class(spread):
    """Swap the stratified splits for plain ones, or the rare class for a common one, and the claim fails."""

    def kept(group, way):
        return ratio_interval(spread[group][f"accuracy, {way}"], spread[group]["accuracy, plain"])

    rare, common = chapter.GROUPS
    assert kept(rare, "stratified").below(0.5)
    assert not kept(rare, "plain").below(0.5) and not kept(common, "stratified").below(0.5)


def test_the_class_share_wanders_as_the_formula_says():
    rng = np.random.default_rng(0)
    y = np.r_[np.ones(20), np.zeros(180)]
    shares = [y[rng.permutation(200)[:50]].mean() for _ in range(4000)]
    p = 0.1
    assert np.std(shares) == pytest.approx(np.sqrt(p * (1 - p) / 50 * 150 / 199), rel=0.05)
    assert chapter.split_run(0, "leavers, 1 in 10", num_splits=2)["share, expected"] == pytest.approx(0.0368, abs=1e-4)


def test_few_leavers_are_one_in_ten():
    for seed in range(3):
        X, y = chapter.few_leavers(seed)
        assert X.shape == (200, 3) and y.sum() == 20


def test_smooth_borders_beat_remembering(monkeypatch):
    """Swap the smooth border for the tree, or the forest for one neighbour, and the claim fails."""
    names = ("1 neighbour", "45 neighbours", "decision tree", "random forest")
    monkeypatch.setattr(chapter, "BORDERS", {name: chapter.BORDERS[name] for name in names})
    scores = pd.DataFrame(sum(repeat(chapter.border_run, range(100, 110)), []))
    held = scores.pivot(index="seed", columns="model", values="held out")

    def gain(first, second):
        return over_splits(held[first] - held[second])

    assert gain("45 neighbours", "1 neighbour").above(0) and gain("random forest", "decision tree").above(0)
    assert not gain("decision tree", "1 neighbour").above(0) and not gain("1 neighbour", "decision tree").above(0)
    assert not gain("45 neighbours", "decision tree").above(0) and not gain("45 neighbours", "random forest").above(0)
    assert interval(held["45 neighbours"] - held["decision tree"]).above(0), "as the naive interval has it"
    training = scores.groupby("model")["training"].mean()
    assert training[["1 neighbour", "decision tree"]].eq(1).all() and training["random forest"] > 0.99


def test_overlapping_classes_leave_many_support_vectors():
    X_train, _, y_train, _ = chapter.tumour_split(0)
    many = len(chapter.scaled(SVC()).fit(X_train, y_train)[1].support_)
    flowers = datasets.load("iris")
    few = len(SVC(kernel="linear", C=10).fit(flowers.X.to_numpy()[:, 2:], flowers.y.to_numpy()).support_)
    assert many / 400 > 0.4 and few / 150 < 0.15


def test_only_support_vectors_count():
    """As many other flowers, or one neighbour instead of the machine, and the regions change."""
    flowers = datasets.load("iris")
    X, y = flowers.X.to_numpy()[:, 2:], flowers.y.to_numpy()
    places = np.mgrid[0.7:7.2:60j, -0.1:2.7:60j].reshape(2, -1).T
    machine = SVC(kernel="linear", C=10).fit(X, y)
    kept = machine.support_
    others = np.random.default_rng(0).choice(np.setdiff1d(np.arange(len(y)), kept), len(kept), replace=False)

    def same(model, rows):
        whole = model.fit(X, y).predict(places)
        return np.mean(model.fit(X[rows], y[rows]).predict(places) == whole)

    assert same(SVC(kernel="linear", C=10), kept) > 0.999
    assert same(SVC(kernel="linear", C=10), others) < 0.99
    assert same(KNeighborsClassifier(1), kept) < 0.999


def test_support_vectors_are_separated_from_trees_and_not_from_themselves(digits_folds):
    assert fair(digits_folds, "support vectors", "random forest").above(0)
    assert fair(digits_folds, "random forest", "decision tree").above(0)
    assert not fair(digits_folds, "support vectors", "twin").above(0)


def test_five_neighbours_are_level_with_support_vectors_and_a_guess_is_not(digits_folds):
    def apart(first, second):
        return fair(digits_folds, first, second).above(0) or fair(digits_folds, first, second).below(0)

    assert not apart("support vectors", "5 neighbours")
    assert apart("support vectors", "most frequent") and apart("5 neighbours", "most frequent")


def test_bad_trees_make_a_good_forest(digits_folds):
    """A forest whose trees see all rows and all features has ordinary trees: then the first half of the claim fails."""
    assert fair(digits_folds, "decision tree", "average tree").above(0)
    assert fair(digits_folds, "random forest", "average tree").above(0)
    digits = datasets.load("digits")
    models = {
        "decision tree": lambda seed: DecisionTreeClassifier(random_state=seed),
        "all": lambda seed: RandomForestClassifier(3, bootstrap=False, max_features=None, random_state=seed),
    }
    plain = chapter.fold_table(digits.X[:400], digits.y[:400], models, num_seeds=1)
    assert not fair(plain, "decision tree", "average tree").above(0)


def test_a_tree_of_a_forest_answers_in_classes():
    digits = datasets.load("digits")
    X, y = digits.X[:300], digits.y[:300] + 5
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    assert chapter.tree_score(forest, X, y) > 0.7


def test_iris_separates_nobody_but_the_one_who_guesses(iris_folds):
    names = [name for name in iris_folds if name != "most frequent"]
    pairs = [fair(iris_folds, a, b) for a, b in combinations(names, 2)]
    assert not any(p.above(0) or p.below(0) for p in pairs)
    assert all(fair(iris_folds, name, "most frequent").above(0) for name in names)


def test_the_naive_interval_separates_more(iris_folds):
    """Swap the corrected interval for the naive one, and nothing is left that only the naive one separates."""
    pairs = list(combinations(iris_folds, 2))
    naive = {p: interval(iris_folds[p[0]] - iris_folds[p[1]]) for p in pairs}
    apart = [p for p in pairs if naive[p].above(0) or naive[p].below(0)]
    by_fair = [p for p in pairs if fair(iris_folds, *p).above(0) or fair(iris_folds, *p).below(0)]
    assert set(by_fair) < set(apart)


def test_a_tie_rule_prefers_a_class():
    def called(seed, k, flip=False):
        X_train, X_held, y_train, _ = chapter.tumour_split(seed)
        labels = 1 - y_train if flip else y_train
        answers = chapter.scaled(Neighbours(k)).fit(X_train, labels).predict(X_held)
        return np.mean(answers != flip)

    def fewer(k, flip):
        return over_splits([called(seed, 2, flip) - called(seed, k, flip) for seed in range(5)])

    assert fewer(1, False).below(0) and fewer(3, False).below(0)
    assert not fewer(1, True).below(0) and not fewer(3, True).below(0)


def test_unscaled_neighbours_see_the_feature_of_large_numbers():
    def alike(seed, scale):
        X_train, X_held, y_train, _ = chapter.tumour_split(seed)
        make = chapter.scaled if scale else lambda model: model
        both = make(Neighbours(45)).fit(X_train, y_train).predict(X_held)
        alone = make(Neighbours(45)).fit(X_train[:, :1], y_train).predict(X_held[:, :1])
        return np.mean(both == alone)

    assert interval([alike(seed, False) for seed in range(4)]).above(0.95)
    assert not interval([alike(seed, True) for seed in range(4)]).above(0.95)


def test_scaling_gains_where_sizes_differ():
    """With smoothness in units as large as those of texture, scaling gains nothing and the claim fails."""

    def gain(seed, units):
        X_train, X_held, y_train, y_held = chapter.tumour_split(seed)
        both, plain = (
            make(KNeighborsClassifier(45)).fit(X_train * units, y_train).score(X_held * units, y_held)
            for make in (chapter.scaled, lambda model: model)
        )
        return both - plain

    assert over_splits([gain(seed, (1, 1)) for seed in range(20)]).above(0)
    assert not over_splits([gain(seed, (1, 300)) for seed in range(20)]).above(0)


def test_shallow_trees_win_and_a_tree_does_not_beat_itself():
    def held(seed, depth):
        X_train, X_held, y_train, y_held = chapter.tumour_split(seed)
        return DecisionTreeClassifier(max_depth=depth, random_state=seed).fit(X_train, y_train).score(X_held, y_held)

    def gain(depth):
        return over_splits([held(seed, depth) - held(seed, 20) for seed in range(20)])

    assert gain(3).above(0) and not gain(20).above(0)


def test_the_equation_of_logistic_regression_is_the_library():
    X_train, X_held, y_train, _ = chapter.tumour_split(0)
    model = chapter.scaled(LogisticRegression()).fit(X_train, y_train)
    total = model[0].transform(X_held) @ model[1].coef_[0] + model[1].intercept_
    assert np.allclose(1 / (1 + np.exp(-total)), model.predict_proba(X_held)[:, 1], atol=1e-12)


def test_the_test_digits_take_no_part_in_choosing():
    X_train, X_test, y_train, y_test = chapter.digits_parts()
    assert (len(X_train), len(X_test)) == (1437, 360)
    seen = {row.tobytes() for row in X_train}
    assert sum(row.tobytes() in seen for row in X_test) == 0
    again = chapter.digits_parts()
    assert np.array_equal(X_test, again[1])
    assert np.abs(np.bincount(y_test) / 360 - np.bincount(y_train) / 1437).max() < 0.01


def test_results_depend_on_the_seed_alone():
    assert chapter.complexity_run(5).equals(chapter.complexity_run(5))
    assert not chapter.complexity_run(5).equals(chapter.complexity_run(6))
    assert chapter.split_run(1, "tumours", 2) == chapter.split_run(1, "tumours", 2)
