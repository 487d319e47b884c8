"""FLAML and H2O behind our signature, the studies' rows, and the claims made from them."""

from pathlib import Path

import numpy as np
import psutil
import pytest

from mldev.claims import ClaimNotEvaluated, not_evaluated
from mldev.experiments import interval, paired_difference
from mldev.techniques import automl_studies
from mldev.techniques.automl import STUDIES
from mldev.techniques.automl_libraries import (
    FlamlModel,
    free_port,
    h2o_server,
    java_here,
    rank_agreement,
)
from mldev.techniques.automl_pictures import story_chart, tell
from mldev.techniques.automl_schema import Schema
from mldev.techniques.automl_studies import COMPARED, TABLES, split

OURS = f"ours, {COMPARED} s"


def scores():
    import pandas as pd

    rows = pd.concat([STUDIES["clock"].rows(), STUDIES["defaults"].rows()])
    return 100 * rows.pivot_table(index=["table", "seed"], columns="system", values="score")


def test_a_split_shares_no_row_and_keeps_the_classes():
    data = split("arrests", seed=3)
    assert not set(data.X_train.index) & set(data.X_test.index)
    assert len(data.X_test) == pytest.approx(len(data.X_train) / 3, rel=0.01)
    assert data.y_train.mean() == pytest.approx(data.y_test.mean(), abs=0.005)


def test_a_flaml_search_of_one_family_repeats():
    data = split("diabetes", seed=0)
    said = [
        FlamlModel(False, "r2", 0, max_iter=3, estimator_list=["lgbm"], time_budget=-1)
        .fit(data.X_train, data.y_train)
        .predict(data.X_test)
        for _ in range(2)
    ]
    assert np.array_equal(*said)


def test_without_java_h2os_claims_are_listed_and_strict_builds_fail(monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    assert not java_here()
    monkeypatch.setenv("MLDEV_STRICT", "1")
    with pytest.raises(ClaimNotEvaluated, match="a Java runtime"):
        not_evaluated("h2o-test", "H2O answers.", "a Java runtime")


@pytest.mark.skipif(not java_here(), reason="H2O needs Java")
def test_h2o_listens_at_home_and_leaves_nothing_behind(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with h2o_server("300m") as h2o:
        java = next(p for p in psutil.Process().children(recursive=True) if "java" in p.name())
        listening = {c.laddr.ip.removeprefix("::ffff:") for c in java.net_connections() if c.status == "LISTEN"}
        far = [c for c in java.net_connections() if c.raddr and not c.raddr.ip.endswith("127.0.0.1")]
        command = java.cmdline()
        folder = Path(command[command.index("-ice_root") + 1])
        assert h2o.cluster().cloud_size == 1
    assert capfd.readouterr().out == ""
    assert listening == {"127.0.0.1"} and not far
    assert "-Xmx300M" in command and "-nthreads" in command and "-Dsys.ai.h2o.telemetry.disabled=true" in command
    assert not psutil.wait_procs([java], timeout=20)[1]
    assert not folder.exists()
    assert not list(tmp_path.iterdir())


def test_free_ports_are_free():
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", free_port()))


def test_rank_agreement_of_the_same_the_opposite_and_noise():
    rng = np.random.default_rng(0)
    a = rng.normal(size=300)
    assert rank_agreement(a, np.exp(a)).above(0.999)
    assert rank_agreement(a, -a).below(-0.999)
    assert not rank_agreement(a, rng.normal(size=300)).above(0.8)


def test_the_kept_rows_bear_the_claims_of_the_page_and_the_baselines_do_not():
    table = scores()

    def ahead(system, rivals):
        here = [table.loc[name] for name in ("arrests", "diabetes")]
        return all(paired_difference(one[system], one[rival]).above(0) for one in here for rival in rivals)

    forest, boosting = automl_studies.UNTUNED
    assert ahead(OURS, [forest, boosting])
    assert not ahead(boosting, [forest, OURS])  # our search swapped with an untuned model
    assert not ahead(forest, [boosting, OURS])
    better = table[["FLAML", "H2O"]].max(axis=1)
    assert interval((table[OURS] - better).groupby("seed").mean()).above(-1)
    untuned = table["default boosting"]
    assert not interval((untuned - better).groupby("seed").mean()).above(-1)


def test_the_claim_of_the_ensemble_fails_for_the_single_model():
    rows = STUDIES["clock"].rows().query("system == @OURS")
    won = (rows["score"] - rows["single"]).to_numpy()
    assert interval((rows["score"] - rows["single"]).groupby(rows["seed"]).mean()).above(0)
    signs = np.random.default_rng(0).choice([-1, 1], size=(50, len(won)))  # which is the ensemble, at random
    shuffled = (signs * won).reshape(50, -1, len(TABLES)).mean(axis=2)
    assert np.mean([interval(one, num_resamples=500).above(0) for one in shuffled]) < 0.2
    assert not interval((rows["single"] - rows["score"]).groupby(rows["seed"]).mean()).above(0)


def test_the_kept_runs_kept_their_time_and_runs_without_a_clock_would_not():
    rows = STUDIES["clock"].rows()
    ours = rows[rows["system"].str.startswith("ours")]
    budgets = ours["system"].str.extract(r"(\d+)")[0].astype(float)
    assert (ours["seconds"] / budgets).between(0.9, 1.1).all()
    swapped = ours["seconds"].to_numpy()[::-1] / budgets  # seconds that know no budget
    assert not swapped.between(0.9, 1.1).all()


@pytest.mark.parametrize("name", ["defaults", "ladder"])
def test_a_kept_row_is_what_the_code_gives(name):
    assert len(STUDIES[name].recheck(num_rows=1)) == 1


def test_a_timed_row_has_its_columns_and_every_table_its_metric():
    row = automl_studies.comparable_row({"table": "diabetes", "seed": 0, "system": "ours, 2 s"})
    assert set(row) == {"score", "seconds"}
    kept = STUDIES["clock"].rows()
    on = [column for column in kept if column.startswith("on_")]
    ours = kept[kept["system"] == OURS]
    assert (ours[on].sum(axis=1) <= ours["seconds"]).all()
    assert set(kept["table"]) == set(TABLES)


def test_the_story_is_told_step_by_step():
    from mldev.techniques.automl_evaluation import Task, make_folds, make_rungs

    data = split("diabetes", seed=0)
    schema = Schema.read(data.X_train)
    y = (data.y_train - data.y_train.mean()) / data.y_train.std()
    folds = make_folds(y, 5, classes=False, seed=0)
    task = Task(schema.encode(data.X_train), y, folds, make_rungs(len(y), 5), 0, schema.is_categorical(), "r2")
    story = tell(task, schema.encode(data.X_test), data.y_test, num_trials=4)
    last = story.candidates[story.candidates["step"] == len(story.scores)]
    assert len(last) == 4
    assert last["weight"].sum() == pytest.approx(1, abs=0.01)
    assert story_chart(story).to_dict()["params"][0]["bind"]["max"] == len(story.scores)
