"""The two estimators: scikit-learn's own checks, mixed tables, bad input, budgets, pickles."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from mldev.techniques import automl_estimators
from mldev.techniques.automl import AutoMLClassifier, AutoMLRegressor
from mldev.techniques.automl_space import FAMILIES, Family

CHEAP = {"time_budget": None, "num_trials": 2, "families": ("linear", "lightgbm"), "random_state": 0}
LINEAR = CHEAP | {"families": ("linear",)}


ONE = LINEAR | {"num_trials": 1}  # the suite makes about 92 fits


@parametrize_with_checks([AutoMLClassifier(**ONE), AutoMLRegressor(**ONE)])
def test_scikit_learn_accepts_the_estimator(estimator, check):
    check(estimator)


@pytest.mark.parity
@pytest.mark.parametrize("kind", [AutoMLClassifier, AutoMLRegressor])
def test_conformance_of_the_default_kind(kind, record_property):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of checks that skip themselves
        done = check_estimator(kind(**ONE), on_fail=None)
    failed = [one["check_name"] for one in done if one["status"] == "failed"]
    assert not failed
    assert sum(one["status"] == "passed" for one in done) > 40
    seen = {
        "algorithm": kind.__name__,
        "library": "scikit-learn (check_estimator)",
        "version": sklearn.__version__,
        "tolerance": 0,
        "difference": len(failed),
        "kind": "conformance",
    }
    record_property("parity", seen)


def mixed_table(num_rows=120, seed=0):
    """Numbers, words and truth values, with holes in each, and a target that needs them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=num_rows),
            "color": rng.choice(["red", "green", "blue"], num_rows),
            "paid": rng.random(num_rows) < 0.5,
            "grade": pd.Categorical(rng.choice(["a", "b"], num_rows)),
        }
    )
    signal = frame["size"] + 2 * (frame["color"] == "red") + frame["paid"]
    frame["paid"] = frame["paid"].astype(object)
    for column in frame:
        frame.loc[rng.choice(num_rows, 8, replace=False), column] = np.nan
    return frame, np.where(signal > signal.median(), "yes", "no"), signal.to_numpy(float)


def test_a_mixed_table_with_holes_and_unseen_words_is_predicted():
    frame, label, signal = mixed_table()
    new = frame.head(5).copy()
    new["color"] = "violet"
    new.loc[0, "size"] = np.nan
    classifier = AutoMLClassifier(**CHEAP).fit(frame, label)
    assert classifier.score(frame, label) > 0.8
    assert classifier.schema_.kinds == ("numeric", "categorical", "boolean", "categorical")
    assert set(classifier.predict(new)) <= {"yes", "no"}
    assert np.allclose(classifier.predict_proba(new).sum(axis=1), 1)
    regressor = AutoMLRegressor(**CHEAP).fit(frame, signal)
    assert regressor.score(frame, signal) > 0.6
    assert np.isfinite(regressor.predict(new)).all()


def test_an_array_and_the_same_frame_give_the_same_predictions():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), rng.normal(size=80)
    X[0, 0] = np.nan
    as_array = AutoMLRegressor(**LINEAR).fit(X, y).predict(X)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    assert np.array_equal(as_array, AutoMLRegressor(**LINEAR).fit(frame, y).predict(frame))


X2 = pd.DataFrame({"age": [1.0, 2.0, 3.0, 4.0] * 5, "town": ["A", "B"] * 10})
Y2 = [0, 1] * 10


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (X2.iloc[:0], [], r"X has 0 sample\(s\)"),
        (X2[[]], Y2, r"X has 0 feature\(s\)"),
        (X2, [1] * 20, "y has only one class, .*1.*; at least 2"),
        (X2, [None] + [1] * 19, "y holds 1 missing values"),
        (X2, [0, 1], "X has 20 rows and y has 2"),
        (X2.assign(age=np.nan), Y2, "column 'age' of X holds no value at all"),
        (X2.assign(age=np.inf), Y2, "column 'age' of X holds infinity"),
        (X2.assign(age=pd.Timestamp("2024-01-01")), Y2, "column 'age' of X holds dates"),
        (X2.set_axis(["a", "a"], axis=1), Y2, "columns of the same name: a"),
    ],
)
def test_bad_tables_get_one_clear_error(X, y, message):
    with pytest.raises(ValueError, match=message):
        AutoMLClassifier(**LINEAR).fit(X, y)


def test_targets_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="y holds NaN or infinity"):
        AutoMLRegressor(**LINEAR).fit(X2, [np.inf] * 20)


def test_what_is_no_number_no_word_and_no_truth_is_refused():
    with pytest.raises(TypeError, match="column 'town' of X.*got dict"):
        AutoMLClassifier(**LINEAR).fit(X2.assign(town=[{}] * 20), Y2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_trials": None}, "both None"),
        ({"time_budget": -1}, "time_budget is -1"),
        ({"num_trials": 0}, "num_trials is 0"),
        ({"metric": "f7"}, "metric 'f7'; allowed: log_loss, accuracy, roc_auc"),
        ({"families": ("linear", "magic")}, r"families holds \['magic'\]"),
        ({"families": ()}, "at least one of linear"),
    ],
)
def test_bad_settings_get_one_clear_error(settings, message):
    with pytest.raises(ValueError, match=message):
        AutoMLClassifier(**(LINEAR | settings)).fit(X2, Y2)


def test_the_area_under_the_curve_needs_two_classes():
    with pytest.raises(ValueError, match="needs two classes, y has 4"):
        AutoMLClassifier(**LINEAR, metric="roc_auc").fit(X2, [0, 1, 2, 3] * 5)


def test_numbers_in_training_and_words_later_are_refused():
    model = AutoMLClassifier(**LINEAR).fit(X2, Y2)
    with pytest.raises(ValueError, match="column 'age' of X was numbers in training, and now holds 'old'"):
        model.predict(X2.assign(age="old"))


def test_a_number_of_trials_gives_the_same_answer_again():
    frame, label, _ = mixed_table()
    settings = CHEAP | {"num_trials": 6}
    first, second = (AutoMLClassifier(**settings).fit(frame, label) for _ in range(2))
    assert np.array_equal(first.predict_proba(frame), second.predict_proba(frame))
    drop = ["seconds"]
    assert first.leaderboard().drop(columns=drop).equals(second.leaderboard().drop(columns=drop))


def test_a_pickle_predicts_the_same_without_any_server():
    frame, label, _ = mixed_table()
    model = AutoMLClassifier(**CHEAP).fit(frame, label)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(model.predict_proba(frame), again.predict_proba(frame))
    assert again.leaderboard().equals(model.leaderboard())


def test_the_leaderboard_names_every_candidate_and_weighs_the_ensemble():
    frame, label, _ = mixed_table()
    model = AutoMLClassifier(**CHEAP | {"num_trials": 5}).fit(frame, label)
    board = model.leaderboard()
    assert len(board) == 5
    assert board["weight"].sum() == pytest.approx(1)
    assert board["rung"].is_monotonic_decreasing
    assert board.groupby("rung")["score"].apply(lambda s: s.is_monotonic_decreasing).all()
    alone = model.only_best()
    assert [member.weight for member in alone.members_] == [1.0]
    assert model.members_ != alone.members_ or len(model.members_) == 1


def failing(params, about):
    raise ArithmeticError("this family cannot be built")


def test_when_every_candidate_fails_the_answer_is_the_base_rate():
    broken = Family("broken", {}, {}, failing)
    model = AutoMLClassifier(**CHEAP | {"families": (broken,)}).fit(X2, Y2)
    assert np.allclose(model.predict_proba(X2), 0.5)
    board = model.leaderboard()
    assert (board["status"] == "raised").all()
    assert board["note"].str.contains("cannot be built").all()


def test_one_broken_family_does_not_stop_the_others():
    families = (Family("broken", {}, {}, failing), FAMILIES["linear"])
    board = AutoMLClassifier(**CHEAP | {"families": families}).fit(X2, Y2).leaderboard()
    assert board.set_index("family")["status"].to_dict() == {"linear": "ok", "broken": "raised"}


def test_a_budget_that_ends_before_the_libraries_are_imported_gives_the_base_rate():
    model = AutoMLClassifier(time_budget=1e-6, families=("linear",)).fit(X2, Y2)
    assert np.allclose(model.predict_proba(X2), 0.5)
    assert model.leaderboard().empty


def test_the_ensemble_uses_the_highest_rung_with_enough_candidates():
    class Climbed:
        def __init__(self, rung):
            self.rung, self.status = rung, "ok"

    rungs = (
        automl_estimators.Rung(1, 1 / 3),
        automl_estimators.Rung(1, 1.0),
        automl_estimators.Rung(5, 1.0),
    )

    def best(*climbed):
        return automl_estimators.ensemble_rung([Climbed(r) for r in climbed], rungs)

    assert best(2, 2, 2, 0) == 2
    assert best(2, 1, 1, 0) == 1
    assert best(2, 0, 0, 0, 0) == 2
    assert best(-1, -1) == -1
    assert best() == -1
