"""The claims of the second page on regression: each fails when its method is swapped for the baseline."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mldev import datasets
from mldev.experiments import interval, paired_difference, repeat
from mldev.introduction import regression_in_practice as chapter
from mldev.introduction.regression import fold_interval
from mldev.introduction.regression_experiments import diabetes


@pytest.mark.parity
def test_the_fast_search_equals_scikit_learn(record_property):
    X, y, _ = diabetes()
    rng = np.random.default_rng(0)
    X, y = np.column_stack([X, rng.normal(size=(len(y), 20))])[:80], y[:80]
    ks, alphas = (1, 5, 30), (1, 100)
    splits = list(KFold(4, shuffle=True, random_state=0).split(X))
    ours = chapter.search_errors(X, y, splits, lambda *data: chapter.select_and_shrink(*data, ks, alphas))
    pipeline = Pipeline([("select", SelectKBest(f_regression)), ("scale", StandardScaler()), ("model", Ridge())])
    grid = [{"select__k": [k], "model__alpha": [a]} for k in ks for a in alphas]
    search = GridSearchCV(pipeline, grid, cv=splits, scoring="neg_mean_squared_error").fit(X, y)
    difference = np.abs(ours + search.cv_results_["mean_test_score"]).max() / ours.mean()
    record_property("parity", {
        "algorithm": "grid search over selection and ridge: mean squared errors, relative", "library": "scikit-learn",
        "version": sklearn.__version__, "tolerance": 1e-9, "difference": float(difference), "kind": "numbers",
    })  # fmt: skip
    assert difference < 1e-9
    assert ours.argmin() == search.best_index_


def test_penguins_have_a_mass_and_their_gaps():
    X, y = chapter.penguins()
    assert len(X) == len(y) == 342 and y.notna().all() and X["sex"].isna().sum() == 9


def test_the_preparation_answers_for_gaps_and_unknown_words():
    X, y = chapter.penguins()
    prepare = chapter.preparation().fit(X, y)
    odd = X.iloc[:1].assign(island="Atlantis", bill_length_mm=np.nan)
    columns = prepare.transform(odd)
    assert columns.shape == (1, 11) and np.isfinite(columns).all()
    assert columns[0, 0] == pytest.approx(0), "a gap becomes the mean, which standardises to zero"


def test_a_redundant_column_matters_to_ridge_only():
    X, y = chapter.penguins()

    def largest(model):
        predictions = []
        for drop in (None, "first"):
            A = OneHotEncoder(drop=drop).fit_transform(X[["island"]]).toarray()
            predictions.append(model.fit(A, y).predict(A))
        return np.abs(predictions[0] - predictions[1]).max()

    assert largest(LinearRegression()) < 1e-6
    assert not largest(Ridge(10)) < 1e-6


def test_words_help_and_shuffled_words_do_not():
    X, y = chapter.penguins()
    shuffled = X.copy()
    mixed = X.sample(frac=1, random_state=0)
    shuffled[list(chapter.WORDS)] = mixed[list(chapter.WORDS)].to_numpy()
    ten = KFold(10, shuffle=True, random_state=0)

    def errors(table, **options):
        model = make_pipeline(chapter.preparation(**options), Ridge())
        return -cross_val_score(model, table, y, cv=ten, scoring="neg_root_mean_squared_error")

    without = errors(X, words=())
    assert fold_interval(without - errors(X))[0] > 30
    assert not fold_interval(without - errors(shuffled))[0] > 30


@pytest.fixture(scope="module")
def scaled():
    return pd.DataFrame(sum(repeat(chapter.scaling_run, 5), []))


def test_scaling_moves_penalties_and_distances_only(scaled):
    moved = scaled.pivot(index="seed", columns="model", values="moved")
    assert moved["linear"].max() < 1e-8
    for name in ("ridge", "lasso", "neighbours", "support vectors", "network"):
        assert interval(moved[name]).above(1) and not moved[name].max() < 1e-8
    assert not interval(moved["tree"]).above(1)


def gains(name, seeds=12, **options):
    rows = repeat(chapter.scaling_run, seeds, names=(name,), **options)
    return np.array([row["gain"] for row in sum(rows, [])])


def test_scaling_helps_neighbours_and_of_others_the_patients_cannot_tell():
    low, _ = fold_interval(gains("neighbours"), ratio=1 / 4)
    assert low > 0
    for name in ("ridge", "lasso", "support vectors", "network"):
        low, high = fold_interval(gains(name), ratio=1 / 4)
        assert low < 0 < high, "no improvement, so the claim's first half fails for it"
    naive = interval(gains("support vectors", 5))
    corrected = fold_interval(gains("support vectors", 5), ratio=1 / 4)
    assert corrected[1] - corrected[0] > naive.high - naive.low


def test_the_network_needs_scaling_when_one_unit_differs():
    def needs(name, factor):
        return fold_interval(gains(name, 8, factor=factor), ratio=1 / 4)[0] > 0.1

    assert needs("network", 1000.0)
    assert not needs("network", 1.0) and not needs("linear", 1000.0) and not needs("tree", 1000.0)


def test_the_tree_is_clearly_worse_and_the_lasso_is_not():
    models = {name: chapter.candidates()[name] for name in ("linear", "lasso", "tree")}
    scores = chapter.compare(models)

    def clearly_worse(name):
        return fold_interval((scores[name] - scores["linear"]).to_numpy())[1] < 0

    assert clearly_worse("tree") and scores["tree"].max() > scores["linear"].min()
    assert not clearly_worse("lasso")


@pytest.fixture(scope="module")
def leaks():
    table = pd.DataFrame(sum(repeat(chapter.leak_run, 6), []))
    return {step: paired_difference(part["outside"], part["inside"]) for step, part in table.groupby("step")}


def test_what_sees_the_target_leaks_and_what_does_not_is_harmless(leaks):
    def harmless(step):
        return leaks[step].above(-0.02) and leaks[step].below(0.02)

    def harmful(step):
        return leaks[step].above(0.05)

    for step in ("scaling", "means for gaps"):
        assert harmless(step) and not harmful(step)
    assert harmful("a model that sees y")
    assert not harmless("a model that sees y") and not harmless("selecting 5 columns")
    assert leaks["selecting 5 columns"].above(0)


def test_selection_outside_the_folds_finds_signal_in_noise():
    rows = pd.DataFrame(sum(repeat(chapter.noise_run, 6, counts=(10, 3000)), []))
    fake = rows.pivot(index="seed", columns=["where", "columns"], values="r2")

    def finds(where, columns):
        return interval(fake[where][columns]).above(0.3)

    assert finds("outside", 3000) and interval(fake["inside"][3000]).below(0)
    assert not finds("inside", 3000) and not finds("outside", 10)
    assert np.allclose(fake["outside"][10], fake["inside"][10]), "with ten columns nothing is selected"


def test_selection_leaks_less_with_more_rows():
    X, y, _ = diabetes()

    def flattery(num_rows, seed):
        rng = np.random.default_rng(seed)
        rows = rng.permutation(len(y))[:num_rows]
        A = np.column_stack([X[rows], rng.normal(size=(num_rows, 200))])
        outside, inside = chapter.leak(SelectKBest(f_regression, k=5), Ridge(), A, y[rows], seed)
        return outside - inside

    small, large = ([flattery(n, seed) for seed in range(8)] for n in (50, 200))
    assert paired_difference(small, large).above(0)
    assert not paired_difference(large, small).above(0)


def test_random_draws_beat_levels_at_the_ends_and_not_levels_inside():
    budget = pd.DataFrame(repeat(chapter.budget_run, 40))
    ends, inside = (paired_difference(budget[levels], budget["random"]) for levels in ("ends", "inside"))
    assert ends.above(0) and inside.above(-2) and inside.below(2)
    assert not inside.above(0), "the grids swapped, the first half fails"
    assert not ends.below(2), "the grids swapped, the second half fails"


def test_a_weaker_penalty_changes_nothing_and_a_stronger_one_does():
    X, _, y, _ = train_test_split(*chapter.penguins(), random_state=0)

    def error(alpha):
        model = make_pipeline(chapter.preparation(), Ridge(alpha))
        return -cross_val_score(model, X, y, cv=5, scoring="neg_root_mean_squared_error").mean()

    assert error(0.1) - error(1e-6) < 0.1
    assert not error(10) - error(1e-6) < 0.1


def test_the_best_score_flatters_only_when_there_was_a_choice():
    def flattery(**options):
        reports = pd.DataFrame(repeat(chapter.nested_run, 40, num_rows=40, **options))
        return paired_difference(reports["best inner score"], reports["new patients"]), reports

    chosen, reports = flattery()
    single, _ = flattery(ks=(5,), alphas=(10,))
    assert chosen.below(0) and not single.below(0)
    smaller = reports["new patients, learned from 4/5"]
    assert paired_difference(smaller, reports["new patients"]).above(0)
    assert not paired_difference(reports["best inner score"], smaller).above(-6)


def test_nested_scores_are_those_of_models_with_fewer_rows():
    reports = pd.DataFrame(repeat(chapter.nested_run, 100))

    def within(name, other):
        rest = paired_difference(reports[name], reports[other])
        return rest.above(-2) and rest.below(2)

    assert within("nested", "new patients, learned from 4/5")
    assert not within("nested", "new patients"), "against the model of all rows the bias shows"
    assert not within("best inner score", "new patients, learned from 4/5")


def test_only_the_penalty_of_logistic_regression_feels_the_unit():
    tumours = datasets.load("breast_cancer")
    A = tumours.X[["mean radius", "mean texture", "mean smoothness"]].to_numpy()

    def shift(**options):
        model = LogisticRegression(tol=1e-10, max_iter=10_000, **options)
        first, second = (
            m.fit(A, tumours.y).predict_proba(A)[:, 1] for m in (model, make_pipeline(StandardScaler(), model))
        )
        return np.abs(first - second).max()

    assert shift() > 0.1 and shift(C=np.inf) < 0.001


def test_deliberate_stops_are_silent_and_others_are_not():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with chapter.stopped_early():
            warnings.warn("stopped", ConvergenceWarning, stacklevel=1)
        with pytest.raises(UserWarning, match="other"), chapter.stopped_early():
            warnings.warn("other", UserWarning, stacklevel=1)


def test_runs_depend_on_the_seed_alone():
    for run in (chapter.nested_run, chapter.budget_run):
        assert run(1) == run(1) != run(2)
