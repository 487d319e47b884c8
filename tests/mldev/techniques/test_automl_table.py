"""Schema and typed preprocessing: kinds, holes, unseen words, and parity with scikit-learn."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mldev.techniques.automl_preprocessing import TypedPreprocessor
from mldev.techniques.automl_schema import MAX_LEVELS, UNSEEN, Schema


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3], "numeric"),
        ([1.5, None, 2], "numeric"),
        (pd.array([1, None, 2], dtype="Int64"), "numeric"),
        (pd.Series([1, 2.5, None], dtype=object), "numeric"),
        ([True, False, True], "boolean"),
        (pd.array([True, None, False], dtype="boolean"), "boolean"),
        (pd.Series([True, None, False], dtype=object), "boolean"),
        (["a", "b", None], "categorical"),
        (pd.array(["a", None, "b"], dtype="string"), "categorical"),
        (pd.Categorical(["a", "b", None]), "categorical"),
        (pd.Series(["a", 1, None], dtype=object), "categorical"),
    ],
)
def test_the_kind_of_a_column(values, kind):
    schema = Schema.read(pd.DataFrame({"x": values}))
    assert schema.kinds == (kind,)
    encoded = schema.encode(pd.DataFrame({"x": values}))
    assert np.isnan(encoded[:, 0]).tolist() == pd.isna(pd.Series(values)).tolist()


def test_words_become_places_holes_nan_and_new_words_unseen():
    schema = Schema.read(pd.DataFrame({"town": ["B", "A", None]}))
    encoded = schema.encode(pd.DataFrame({"town": ["A", "B", None, "C"]}))
    assert np.array_equal(encoded[:, 0], [0, 1, np.nan, UNSEEN], equal_nan=True)


def test_of_too_many_words_the_frequent_ones_are_kept():
    words = [f"w{i}" for i in range(300)] + ["often"] * 3
    schema = Schema.read(pd.DataFrame({"x": words}))
    assert len(schema.levels[0]) == MAX_LEVELS
    assert "often" in schema.levels[0]


def table(seed=0, num_rows=200):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(num_rows, 4)) * [1, 10, 0.1, 1] + [0, 5, 3, 0]
    X[:, 3] = rng.integers(0, 4, num_rows)
    X[rng.random(num_rows) < 0.1, 0] = np.nan
    X[rng.random(num_rows) < 0.1, 3] = np.nan
    return X, np.array([False, False, False, True])


@pytest.mark.parity
def test_preprocessing_equals_scikit_learns_column_transformer(record_property):
    X, words = table()
    new, _ = table(seed=1)
    new[0, 3] = UNSEEN
    ours = TypedPreprocessor(words).fit(X).transform(new)
    missing = -2.0
    theirs = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), [0, 1, 2]),
            ("missing", SimpleImputer(add_indicator=True, strategy="constant", fill_value=0), [0]),
            (
                "words",
                make_pipeline(
                    SimpleImputer(strategy="constant", fill_value=missing),
                    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                ),
                [3],
            ),
        ]
    ).fit(X)
    expected = theirs.transform(new)
    expected = np.delete(expected, 3, axis=1)  # the imputed value beside its indicator
    expected = np.column_stack([expected[:, :4], expected[:, 5:], expected[:, 4]])
    difference = np.abs(ours - expected).max()
    assert difference < 1e-12
    seen = {
        "algorithm": "typed preprocessing (impute, scale, one-hot)",
        "library": "scikit-learn (ColumnTransformer)",
        "version": sklearn.__version__,
        "tolerance": 1e-12,
        "difference": float(difference),
        "kind": "numbers",
    }
    record_property("parity", seen)


def test_an_unseen_word_sets_no_column_and_a_fold_without_values_is_filled():
    X = np.array([[np.nan, 0.0], [np.nan, 1.0], [np.nan, 0.0]])
    model = TypedPreprocessor(np.array([False, True])).fit(X)
    out = model.transform(np.array([[np.nan, UNSEEN], [3.0, 1.0]]))
    assert np.isfinite(out).all()
    assert out[0, 2:].tolist() == [0, 0]
    assert out[1, 2:].tolist() == [0, 1]


def test_a_constant_column_becomes_zero_and_the_transformer_can_be_cloned():
    model = clone(TypedPreprocessor())
    assert model.fit_transform(np.full((5, 1), 7.0)).tolist() == [[0.0]] * 5


def test_training_rows_alone_set_the_medians():
    X, words = table()
    model = TypedPreprocessor(words).fit(X)
    before = model.transform(X[:5])
    model.transform(X * 100)
    assert np.array_equal(before, model.transform(X[:5]))
