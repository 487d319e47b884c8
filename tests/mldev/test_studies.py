"""Kept rows survive a kill, come back exactly, and are caught when they are not what the code gives."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mldev.studies import Study, StudyDisagrees, StudyOutdated

SCRIPT = """
import os, signal, sys
from pathlib import Path
import numpy as np
from mldev.studies import Study

def run_row(row):
    log = Path(os.environ["LOG"])
    done = log.read_text().split() if log.exists() else []
    if os.environ.get("KILL_AFTER") == str(len(done)):
        os.kill(os.getpid(), signal.SIGKILL)
    log.write_text(" ".join([*done, str(row["seed"])]))
    return {"score": float(np.random.default_rng(row["seed"]).normal())}

study = Study("training/automl", run_row, [{"seed": seed} for seed in range(8)], folder=Path(os.environ["FOLDER"]))
study.write(n_jobs=1)
"""


def measure(row):
    rng = np.random.default_rng(row["seed"])
    score = float(rng.normal()) * row["scale"]
    return {
        "score": score,
        "won": score > 0,
        "trials": int(rng.integers(100)),
        "model": f"tree, {row['seed']}",
        "time": 0.5,
    }


GRID = [
    {"data": data, "scale": scale, "seed": seed}
    for data in ("digits", "arrests")
    for scale in (0.1, 3.0)
    for seed in range(4)
]


@pytest.fixture
def study(tmp_path):
    return Study("training/automl", measure, GRID, timing_columns=("time",), folder=tmp_path)


def edit(path, old, new):
    text = path.read_text("utf8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf8")


def test_rows_come_back_as_they_were_measured(study):
    assert study.write(n_jobs=1) == study.path
    rows = study.rows()
    expected = pd.DataFrame([{**row, **measure(row)} for row in GRID])
    pd.testing.assert_frame_equal(rows, expected, check_exact=True)
    assert sorted(path.name for path in study.path.parent.iterdir()) == ["automl.csv"]


def test_two_workers_write_what_one_writes(study, tmp_path):
    def run(row):
        return measure_by_value(row["seed"])

    def measure_by_value(seed):
        return {"score": float(np.random.default_rng(seed).normal())}

    study = Study("training/automl", run, [{"seed": seed} for seed in range(6)], folder=tmp_path)
    one = study.write(n_jobs=1).read_text("utf8")
    assert study.write(n_jobs=2).read_text("utf8") == one


def test_file_says_what_made_it(study):
    lines = study.write(n_jobs=1).read_text("utf8").splitlines()
    header = dict(line.removeprefix("# ").split(": ", 1) for line in lines if line.startswith("# "))
    assert header["study"] == "training/automl"
    assert f"numpy {np.__version__}" in header["pins"] and header["pins"].startswith("python 3.")
    assert header["seeds"] == "0, 1, 2, 3"
    assert pd.Timestamp(header["date"]) <= pd.Timestamp.now()
    assert "make study NAME=training/automl" in header["script"]
    assert lines[len(header)] == "data,scale,seed,score,won,trials,model,time"


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, "utf8")
    log = tmp_path / "log"
    environment = {**os.environ, "LOG": str(log), "FOLDER": str(tmp_path), "TQDM_DISABLE": "1"}
    killed = subprocess.run([sys.executable, script], env={**environment, "KILL_AFTER": "3"}, check=False)
    assert killed.returncode == -signal.SIGKILL and not (tmp_path / "automl.csv").exists()
    partial = tmp_path / "automl.partial"
    partial.write_text(partial.read_text("utf8")[:-4], "utf8")  # the last row was cut off as it was written
    subprocess.run([sys.executable, script], env=environment, check=True)
    assert log.read_text().split() == ["0", "1", "2", "2", "3", "4", "5", "6", "7"]
    rows = pd.read_csv(tmp_path / "automl.csv", comment="#", float_precision="round_trip")
    assert list(rows.score) == [np.random.default_rng(seed).normal() for seed in range(8)]
    assert not partial.exists()


def test_rows_of_other_sources_are_not_gone_on_from(study):
    stale = {"score": -7.0, "won": True, "trials": 0, "model": "none", "time": 0.5}
    lines = [{"sources": "something else"}, [json.dumps(GRID[0], sort_keys=True), stale]]
    partial = study.path.with_suffix(".partial")
    partial.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf8")
    study.write(n_jobs=1)
    assert study.rows().score[0] == measure(GRID[0])["score"]


def test_recheck_agrees_and_takes_the_same_rows_each_time(study):
    study.write(n_jobs=1)
    first, second = study.recheck(), study.recheck()
    pd.testing.assert_frame_equal(first, second)
    assert len(first) == 3 and (first.difference == 0).all()
    assert not study.recheck(seed=1).index.equals(study.recheck(seed=2).index)
    assert len(study.recheck(num_rows=100)) == len(GRID)


@pytest.mark.parametrize(
    ("column", "change"), [("score", lambda v: v + 1e-6), ("won", lambda v: not v), ("model", lambda v: v + "s")]
)
def test_a_tampered_row_is_caught(study, column, change):
    study.write(n_jobs=1)
    value = study.rows()[column].iloc[5]
    line = next(
        line
        for line in study.path.read_text("utf8").splitlines()
        if line.startswith("arrests,0.1,1,") or line.startswith("digits,3.0,1,")
    )
    cells = line.split(",", 3)
    old = repr(float(value)) if column == "score" else str(value)
    new = repr(float(change(value))) if column == "score" else str(change(value))
    edit(study.path, line, ",".join(cells[:3]) + "," + cells[3].replace(old, new, 1))
    with pytest.raises(StudyDisagrees, match=f"data=digits, scale=3.0, seed=1: {column} was .*, is "):
        study.recheck(num_rows=len(GRID))


def test_small_differences_are_within_tolerance(study, tmp_path):
    study.write(n_jobs=1)
    loose = Study(
        "training/automl",
        lambda row: {**measure(row), "score": measure(row)["score"] + 1e-7},
        GRID,
        ("time",),
        1e-6,
        folder=tmp_path,
    )
    assert 0 < loose.recheck().difference.max() <= 1e-6
    strict = Study("training/automl", loose.run_row, GRID, ("time",), folder=tmp_path)
    with pytest.raises(StudyDisagrees):
        strict.recheck()


def timing_study(folder, seconds):
    return Study(
        "training/automl",
        lambda row: {"time": seconds[row["seed"]]},
        [{"seed": s} for s in range(3)],
        ("time",),
        folder=folder,
    )


def test_times_are_compared_as_ratios(tmp_path):
    timing_study(tmp_path, [1.0, 2.0, 4.0]).write(n_jobs=1)
    timing_study(tmp_path, [10.0, 20.0, 40.0]).recheck()  # a machine ten times slower
    timing_study(tmp_path, [0.004, 0.008, 0.001]).recheck()  # too short to tell
    with pytest.raises(StudyDisagrees, match="seed=2: time was 2.00 of its median, is 20.00"):
        timing_study(tmp_path, [1.0, 2.0, 40.0]).recheck()


def test_rows_of_another_grid_are_refused(study, tmp_path):
    with pytest.raises(StudyOutdated, match="has no rows yet; run: make study NAME=training/automl"):
        study.rows()
    study.write(n_jobs=1)
    with pytest.raises(StudyOutdated, match="the kept rows belong to another grid"):
        Study("training/automl", measure, GRID[1:], folder=tmp_path).rows()


def test_numbers_that_are_none_come_back(tmp_path):
    study = Study(
        "a/b",
        lambda row: {"loss": [np.nan, np.inf, -0.0][row["seed"]]},
        [{"seed": s} for s in range(3)],
        folder=tmp_path,
    )
    study.write(n_jobs=1)
    assert np.isnan(study.rows().loss[0]) and study.rows().loss[1] == np.inf
    assert (study.recheck().difference == 0).all()


@pytest.mark.parametrize(
    ("name", "grid", "message"),
    [
        ("automl", [{"seed": 1}], "expected a name such as"),
        ("a/b/c", [{"seed": 1}], "expected a name such as"),
        ("a/b", [], "at least one row"),
        ("a/b", [{"seed": 1}, {"size": 1}], "the same keys"),
        ("a/b", [{"seed": 1}, {"seed": 1}], "two rows of the grid are alike"),
    ],
)
def test_bad_studies_are_refused(name, grid, message):
    with pytest.raises(ValueError, match=message):
        Study(name, measure, grid)


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        ({"score": None}, TypeError, "column 'score' must hold numbers, words or truths, got None"),
        ({"score": [1, 2]}, TypeError, "column 'score'"),
        ({"seed": 3}, ValueError, "repeats the grid's columns seed"),
        ({"score": 3}, ValueError, "lacks the timing columns time"),
    ],
)
def test_bad_results_are_refused(tmp_path, result, error, message):
    timing = ("time",) if "lacks" in message else ()
    with pytest.raises(error, match=message):
        Study("a/b", lambda row: result, [{"seed": 1}], timing, folder=tmp_path).write(n_jobs=1)


def test_words_that_read_as_numbers_are_refused(tmp_path):
    study = Study("a/b", lambda row: {"model": "007"}, [{"seed": 1}], folder=tmp_path)
    with pytest.raises(ValueError, match="column 'model' holds '007', which reads as a number"):
        study.write(n_jobs=1)
    assert not study.path.exists()


def test_rows_lie_beside_the_modules_of_their_part():
    path = Study("training/automl-space", measure, GRID).path
    assert path.parts[-5:] == ("code", "mldev", "training", "studies", "automl-space.csv")
    assert Path(path).parents[2].joinpath("studies.py").exists()
