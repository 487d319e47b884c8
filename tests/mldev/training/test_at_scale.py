"""Several processes: the hand-written ring against the library, gradients, and a worker killed from outside."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mldev.training import at_scale_parallel as parallel
from mldev.training.at_scale_network import (
    accuracy,
    gradients,
    initial_weights,
    largest_difference,
    mean_loss,
    network,
    scores,
)
from mldev.training.at_scale_parallel import Job, Momentum, supervise, train_alone

RING = """
import datetime, os, sys, torch
import torch.distributed as dist
from mldev.training.at_scale_parallel import LOOPBACK, ring_all_reduce
folder, rank, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.environ["GLOO_SOCKET_IFNAME"] = LOOPBACK
dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=size,
                        timeout=datetime.timedelta(seconds=60))
mine = torch.randn(101, generator=torch.Generator().manual_seed(rank), dtype=torch.float64)
theirs = mine.clone()
sent = ring_all_reduce(mine)
dist.all_reduce(theirs)
torch.save((mine, theirs, sent), f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""


def job(num_steps=8, **changes):
    generator = torch.Generator().manual_seed(1)
    X = torch.rand(50, 64, generator=generator, dtype=torch.float64)
    y = torch.randint(10, (50,), generator=generator)
    batches = torch.randint(50, (num_steps, 12), generator=generator)
    return Job(X, y, batches, **changes)


@pytest.mark.parity
def test_ring_of_three_equals_the_library(tmp_path, record_property):
    command = [sys.executable, "-c", RING, str(tmp_path)]
    workers = [subprocess.Popen([*command, str(rank), "3"]) for rank in range(3)]
    assert [w.wait() for w in workers] == [0, 0, 0]
    left = [torch.load(tmp_path / f"{rank}.pt") for rank in range(3)]
    difference = max(float((mine - theirs).abs().max()) for mine, theirs, _ in left)
    assert difference < 1e-12
    assert all(torch.equal(left[0][0], mine) for mine, _, _ in left), "the workers hold different sums"
    assert sum(sent for _, _, sent in left) == 2 * 2 * 101  # 2 (N - 1) / N of 101 numbers each, N workers
    seen = {
        "algorithm": "Ring all-reduce",
        "library": "torch.distributed",
        "version": str(torch.__version__),
        "tolerance": 1e-12,
        "difference": difference,
        "kind": "numbers",
    }
    record_property("parity", seen)


@pytest.mark.parity
def test_gradient_by_hand_equals_autograd(record_property):
    weights = {n: w.repeat(3, *[1] * w.ndim) for n, w in initial_weights(0).items()}
    weights["0.weight"] = weights["0.weight"] + torch.arange(3.0).view(3, 1, 1) / 10
    X = torch.rand(3, 20, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.arange(60).view(3, 20) % 10
    leaves = {n: w.clone().requires_grad_() for n, w in weights.items()}
    found = torch.autograd.grad(mean_loss(leaves, X, y).sum(), list(leaves.values()))
    difference = largest_difference(gradients(weights, X, y), dict(zip(leaves, found, strict=True)))
    assert difference < 1e-12
    seen = {
        "algorithm": "Gradient of a two-layer network",
        "library": "torch.autograd",
        "version": str(torch.__version__),
        "tolerance": 1e-12,
        "difference": difference,
        "kind": "numbers",
    }
    record_property("parity", seen)


def test_scores_are_those_of_the_module():
    X = torch.rand(7, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(scores(initial_weights(3), X), network(3)(X), atol=1e-14)


def test_weights_that_are_not_numbers_read_nothing():
    weights = {n: torch.full_like(w, torch.nan) for n, w in initial_weights(0).items()}
    assert accuracy(weights, torch.rand(9, 64, dtype=torch.float64), torch.zeros(9, dtype=torch.long)) == 0


@pytest.mark.parity
def test_momentum_equals_torch_optim(record_property):
    ours, theirs, asked = network(0), network(0), job()
    optimizers = Momentum(ours, asked), torch.optim.SGD(theirs.parameters(), asked.learning_rate, asked.momentum)
    for rows in asked.batches:
        for model, optimizer in zip((ours, theirs), optimizers, strict=True):
            model.zero_grad()
            torch.nn.functional.cross_entropy(model(asked.X[rows]), asked.y[rows]).backward()
            optimizer.step()
    difference = largest_difference(ours.state_dict(), theirs.state_dict())
    assert difference < 1e-12
    seen = {
        "algorithm": "Gradient descent with momentum",
        "library": "torch.optim.SGD",
        "version": str(torch.__version__),
        "tolerance": 1e-12,
        "difference": difference,
        "kind": "numbers",
    }
    record_property("parity", seen)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(0, 100))
def test_shares_partition_a_batch_and_their_gradients_average_to_its_own(num_workers, seed):
    asked = job(num_workers=num_workers)
    weights, rows = initial_weights(seed), asked.batches[0]
    parts = [parallel.share(asked, 0, rank) for rank in range(num_workers)]
    assert sum(len(y) for _, y in parts) == len(rows)
    slopes = [gradients(weights, X, y) for X, y in parts]
    mean = {name: sum(s[name] for s in slopes) / num_workers for name in weights}
    assert largest_difference(mean, gradients(weights, asked.X[rows], asked.y[rows])) < 1e-12


def test_unequal_shares_are_refused():
    with pytest.raises(ValueError, match="batches: 12 rows a step for 5 workers"):
        job(num_workers=5)


def in_one_process(monkeypatch):
    """Let the worker's code run here, as a group of one."""
    monkeypatch.setattr(parallel, "average_gradients", lambda model: 0)


def test_resuming_from_a_checkpoint_needs_the_optimisers_memory(tmp_path, monkeypatch):
    in_one_process(monkeypatch)
    asked = job(num_workers=1, checkpoint_every=5)
    whole = train_alone(asked).state_dict()

    def stopped_and_resumed(folder):
        folder.mkdir()
        first = job(num_workers=1, checkpoint_every=5)
        object.__setattr__(first, "batches", asked.batches[:5])
        parallel.train_together(folder, first, 0, doomed=False)
        parallel.train_together(folder, asked, 0, doomed=False)
        return largest_difference(torch.load(folder / "weights-0.pt"), whole)

    assert stopped_and_resumed(tmp_path / "right") < 1e-12
    right = parallel.restore

    def forgetful(folder, model, optimizer):
        memory = optimizer.memory
        step = right(folder, model, optimizer)
        optimizer.memory = memory
        return step

    monkeypatch.setattr(parallel, "restore", forgetful)
    assert stopped_and_resumed(tmp_path / "forgetful") > 1e-4


def test_a_worker_killed_from_outside_is_survived(tmp_path, monkeypatch):
    """As soon as there is a checkpoint a worker is killed; what it leaves is enough to end with the same weights."""
    started, begin = [], parallel._start

    def watched(folder, rank):
        started.append(begin(folder, rank))
        return started[-1]

    monkeypatch.setattr(parallel, "_start", watched)
    asked = job(num_steps=400, checkpoint_every=20)
    with ThreadPoolExecutor(max_workers=1) as aside:
        run = aside.submit(supervise, tmp_path, asked, max_restarts=0)
        while not (tmp_path / "checkpoint.pt").exists():
            assert not run.done()
            time.sleep(0.005)
        started[1].send_signal(signal.SIGKILL)
        with pytest.raises(RuntimeError, match=r"codes=\(1, -9\).*(peer|reset)"):
            run.result()
    assert 0 < parallel.checkpointed(tmp_path) < 400
    in_one_process(monkeypatch)
    parallel.train_together(tmp_path, replace(asked, num_workers=1), 0, doomed=False)
    resumed, whole = torch.load(tmp_path / "weights-0.pt"), train_alone(asked).state_dict()
    assert largest_difference(resumed, whole) < 1e-8  # hundreds of steps of rounding


def test_what_is_left_of_a_group_goes_on_alone(tmp_path, monkeypatch):
    """The second of two workers is killed; the restart has one, and takes up the job where it was."""
    dies, ends = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "pass"
    started = []

    def begin(folder, rank):
        started.append(rank)
        program = [sys.executable, "-c", dies if len(started) == 2 else ends]
        return subprocess.Popen(program, stderr=subprocess.PIPE, text=True)

    monkeypatch.setattr(parallel, "_start", begin)
    attempts = supervise(tmp_path, job(), refill=False)
    assert [a.codes for a in attempts] == [(0, -signal.SIGKILL), (0,)]
    left, attempt = torch.load(tmp_path / "job.pt", weights_only=False)
    assert (left.num_workers, attempt) == (1, 1)


def test_without_restarts_a_death_is_an_error(tmp_path, monkeypatch):
    dies = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
    monkeypatch.setattr(
        parallel, "_start", lambda folder, rank: subprocess.Popen(dies, stderr=subprocess.PIPE, text=True)
    )
    with pytest.raises(RuntimeError, match="max_restarts=0 used up"):
        supervise(tmp_path, job(), max_restarts=0)


def test_claim_of_equal_gradients_needs_the_average():
    """Without the exchange a worker's gradient is that of its own share."""
    asked, weights = job(), initial_weights(0)
    rows = asked.batches[0]
    own = gradients(weights, *parallel.share(asked, 0, 0))
    assert largest_difference(own, gradients(weights, asked.X[rows], asked.y[rows])) > 1e-3


def test_claim_of_bent_gradients_needs_unequal_shares():
    asked, weights = job(), initial_weights(0)
    X, y = asked.X[:12], asked.y[:12]
    halves = [gradients(weights, X[cut], y[cut]) for cut in (slice(6), slice(6, 12))]
    mean = {name: (halves[0][name] + halves[1][name]) / 2 for name in weights}
    exact = gradients(weights, X, y)
    size = max(float(s.abs().max()) for s in exact.values())
    assert not largest_difference(mean, exact) / size > 0.05
    assert np.isfinite(size)
