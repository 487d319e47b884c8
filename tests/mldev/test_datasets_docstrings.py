"""Docstrings: real texts, each once, the same in every process, without anything that draws."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from mldev.datasets import load
from mldev.datasets_docstrings import MODULES, SHORTEST_BODY, split_docstring

SCRIPT = """
import hashlib, json, sys, warnings
import mldev.datasets
with warnings.catch_warnings():
    warnings.simplefilter("error")
    frame = mldev.datasets.load("docstrings", libraries=[sys.argv[1]]).frame
drawing = [name for name in sys.modules if name.startswith(("matplotlib.pyplot", "matplotlib.backends.backend_"))]
print(json.dumps([hashlib.sha256(frame.to_csv().encode()).hexdigest(), drawing, len(frame)]))
"""


@pytest.fixture(scope="module")
def frame():
    return load("docstrings").frame


@pytest.mark.parametrize("library", sorted(MODULES))
def test_same_in_another_process_and_quiet(library):
    environment = os.environ | {"PYTHONHASHSEED": "77"}
    command = [sys.executable, "-c", SCRIPT, library]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    digest, drawing, count = json.loads(done.stdout)
    here = load("docstrings", libraries=[library]).frame
    assert done.stderr == ""
    assert drawing == []
    assert count == len(here)
    assert digest == hashlib.sha256(here.to_csv().encode()).hexdigest()


def test_experiments_that_are_switched_on_add_nothing():
    switched = "from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer\n"
    done = subprocess.run(
        [sys.executable, "-c", switched + SCRIPT, "sklearn"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)[2] == len(load("docstrings", libraries=["sklearn"]).frame)


def test_every_text_once(frame):
    texts = (frame["title"] + " " + frame["body"]).str.split().str.join(" ")
    assert texts.is_unique and frame["name"].is_unique


def test_texts_are_texts(frame):
    assert (frame["body"].str.len() >= SHORTEST_BODY).all()
    assert frame["title"].str.len().between(8, 250).all()
    assert not frame["title"].str.contains("\n").any()
    assert not frame["title"].str.match(r"[\w.]+\(.*\)$").any()  # no signature
    assert frame["body"].str.contains("Parameters").mean() > 0.3


def test_labels(frame):
    bundle = load("docstrings")
    assert set(frame["library"]) == set(bundle.label_names) == set(MODULES)
    assert frame["library"].value_counts().min() > 500
    assert np.array_equal(np.array(bundle.label_names)[bundle.labels], frame["library"])
    assert (frame["module"].str.split(".").str[0] == frame["library"]).all()
    assert all(name.startswith(module + ".") for name, module in zip(frame["name"], frame["module"], strict=True))
    assert bundle.texts[0].startswith(frame["title"][0]) and bundle.texts[0].endswith(frame["body"][0])


def test_well_known_entries(frame):
    titles = frame.set_index("name")["title"]
    assert titles["numpy.sin"] == "Trigonometric sine, element-wise"
    assert titles["sklearn.linear_model.LogisticRegression"].startswith("Logistic Regression")
    for name in ("pandas.DataFrame.groupby", "scipy.optimize.minimize", "matplotlib.axes.Axes.hist"):
        assert name in titles.index
    assert "matplotlib.font_manager.FontPath.find" not in titles.index  # the method is that of str


def test_libraries_can_be_chosen(frame):
    some = load("docstrings", libraries=["numpy"]).frame
    assert set(some["library"]) == {"numpy"}
    assert set(frame.loc[frame["library"] == "numpy", "name"]) <= set(some["name"])


@pytest.mark.parametrize(
    ("text", "name", "title", "body"),
    [
        ("Do it.\n\nParameters\n----------\nx : int", "f", "Do it", "Parameters\n----------\nx : int"),
        ("g(x, /)\n\nDo it.\n\nMore.", "f", "Do it", "More."),
        ("f(x, /,\n  y)\n\nDo it. Then rest.\n\nMore.", "f", "Do it", "Then rest.\n\nMore."),
        ("Use, e.g. this, on `x`\nand y.\n\nMore.", "f", "Use, e.g. this, on `x` and y", "More."),
        (".. deprecated:: 1.0\n    Gone.\n\nDo it.\n\nMore.", "f", "Do it", "More."),
        ("Returns\n-------\nx : int", "f", "", ""),
    ],
)
def test_splitting(text, name, title, body):
    assert split_docstring(text, name) == (title, body)
