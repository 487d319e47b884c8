"""Tuning in the real world: killed from outside, resumed, spread over workers and nodes, and over-tuned."""

import random
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from optuna.samplers import TPESampler

from mldev.experiments import interval, paired_difference
from mldev.training import hyperparameter_tuning_ray as on_ray
from mldev.training import hyperparameter_tuning_resume as resume
from mldev.training import hyperparameter_tuning_robust as robust
from mldev.training.hyperparameter_tuning_resume import complete, open_study, work

PROGRAM = [sys.executable, "-m", "mldev.training.hyperparameter_tuning_resume"]


def values(journal, seed=0):
    return [(t.params, t.value) for t in complete(open_study(journal, seed))]


def undisturbed(folder, num_trials):
    return [(t.params, t.value) for t in complete(work(folder / "other.log", num_trials, seed=0))]


def test_a_study_killed_from_outside_keeps_its_trials_and_ends_like_an_undisturbed_one(tmp_path):
    journal = tmp_path / "journal.log"
    running = subprocess.Popen([*PROGRAM, str(journal), "--num-trials", "7"])
    while not (journal.exists() and journal.read_text().count('"op_code":6') > 3):  # some trials have a state
        assert running.poll() is None, "the study ended before it could be killed"
        time.sleep(0.02)
    time.sleep(random.Random(0).random() * 0.3)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    survived = values(journal)
    assert survived
    work(journal, num_trials=7, seed=0)
    assert values(journal)[: len(survived)] == survived
    assert values(journal) == undisturbed(tmp_path, num_trials=7)


def stopped_and_resumed(folder, num_trials):
    work(folder / "journal.log", num_trials // 2, seed=0)
    work(folder / "journal.log", num_trials, seed=0)
    return values(folder / "journal.log")


def test_claim_of_resuming_needs_a_sampler_that_draws_from_the_history(tmp_path, monkeypatch):
    assert stopped_and_resumed(tmp_path, 8) == undisturbed(tmp_path, 8)
    swapped = tmp_path / "swapped"
    swapped.mkdir()
    forgetful = lambda num_startup, seed: TPESampler(n_startup_trials=num_startup, seed=seed)  # noqa: E731
    monkeypatch.setattr(resume, "GaussianProcessSampler", forgetful)
    assert stopped_and_resumed(swapped, 8) != undisturbed(swapped, 8)


@pytest.mark.parametrize("search", [on_ray.search_here, on_ray.search_on_ray])
def test_a_number_of_trials_that_is_no_multiple_of_a_batch_is_refused(search):
    with pytest.raises(ValueError, match="multiple of 2"):
        search(num_trials=5, seed=0)


def test_a_process_that_kills_itself_leaves_the_trial_unfinished(tmp_path):
    journal = tmp_path / "journal.log"
    killed = subprocess.run([*PROGRAM, str(journal), "--num-trials", "4", "--die-in", "2"])
    assert killed.returncode == -signal.SIGKILL
    assert len(values(journal)) == 2


def test_a_cluster_of_two_nodes_reached_by_its_address_gives_the_same_trials(monkeypatch):
    for name, value in on_ray.QUIET.items():
        monkeypatch.setenv(name, value)
    import ray
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    try:
        cluster.add_node(**node)
        found = on_ray.search_on_ray(num_trials=4, seed=0, address=cluster.address)
    finally:
        ray.shutdown()
        cluster.shutdown()
    here = on_ray.search_here(num_trials=4, seed=0)
    assert here.equals(found[here.columns])
    assert found["worker"].nunique() == 2
    left = [p for p in psutil.Process().children(recursive=True) if "ray" in " ".join(p.cmdline())]
    assert not psutil.wait_procs(left, timeout=10)[1], "Ray left processes behind"


def test_meeting_waits_for_everyone():
    meeting = on_ray.Meeting(2)
    assert not meeting.complete(1)
    assert not meeting.complete(1)
    assert meeting.complete(2)


def test_tuning_sees_no_row_of_the_truth():
    X, y, X_true, y_true = robust.few_rows(100, seed=1)
    assert len(y) == 100 and len(y_true) == 4000
    again = robust.few_rows(100, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip((X, y, X_true, y_true), again, strict=True))


def test_over_tuning_is_the_work_of_choosing_by_validation(monkeypatch):
    def gap_growth():
        searches = [robust.over_tuning(num_trials=60, seed=seed) for seed in range(20)]
        gaps = np.array([s.true - s.seen for s in searches])
        return paired_difference(gaps[:, -1], gaps[:, 4])

    assert gap_growth().above(0)
    # A validation set so large that luck averages out: the gap must not grow in the same way.
    small = gap_growth().estimate
    real = robust.over_tuning
    monkeypatch.setattr(robust, "over_tuning", lambda num_trials, seed: real(num_trials, seed, num_valid=2000))
    assert gap_growth().estimate < small / 3


def test_nested_estimate_is_higher_than_the_best_score():
    reports = [robust.three_answers(seed, num_trials=20) for seed in range(10)]
    flattered = paired_difference([r.best_score for r in reports], [r.nested_score for r in reports])
    assert flattered.below(0)


def test_one_configuration_cannot_be_over_tuned():
    reports = [robust.three_answers(seed, num_trials=1) for seed in range(12)]
    difference = paired_difference([r.best_score for r in reports], [r.nested_score for r in reports])
    assert not difference.below(0)


def bias_removed(num_seeds=12):
    """Size of the bias of the best score, minus that of the nested estimate."""
    reports = [robust.three_answers(seed, num_trials=20) for seed in range(num_seeds)]
    errors = np.array([[r.best_score - r.truth, r.nested_score - r.truth] for r in reports])  # (searches, 2)

    def removed(rows, axis):
        bias = np.abs(errors[rows.astype(int)].mean(axis))
        return bias[..., 0] - bias[..., 1]

    return interval(np.arange(len(errors)), statistic=removed)


def test_claim_of_the_nested_estimate_needs_the_outer_folds(monkeypatch):
    assert bias_removed().above(0)
    monkeypatch.setattr(robust, "nested", lambda X, y, configs, folds, seed: robust.tune(X, y, configs, folds, seed)[1])
    assert not bias_removed().above(0)


def test_claim_of_two_workers_needs_batches_that_wait(monkeypatch):
    """Asked one at a time, the sampler has heard of one value more, and proposes something else."""
    in_twos = on_ray.search_here(num_trials=8, seed=0)
    monkeypatch.setattr(on_ray, "AT_ONCE", 1)
    assert not in_twos.equals(on_ray.search_here(num_trials=8, seed=0))
