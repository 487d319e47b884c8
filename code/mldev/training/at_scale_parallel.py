"""Data-parallel training in real processes, an all-reduce by hand, and a supervisor that outlives a worker.

Run as a program, this module is one worker: `python -m mldev.training.at_scale_parallel FOLDER RANK`. It reads its
job from the folder, meets the others through a file there, and sends everything over the loopback device.
"""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from mldev.training.at_scale_network import network

PATIENCE = 120  # seconds without a word from the others before a worker gives up
LOOPBACK = "lo" if sys.platform == "linux" else "lo0"


@dataclass(frozen=True)
class Job:
    """What all workers have to know. `die` is the step before which a worker of the first attempt kills itself."""

    X: Tensor
    y: Tensor
    batches: Tensor  # (steps, batch): the rows of every step, the same for any number of workers
    num_workers: int = 2
    learning_rate: float = 0.1
    momentum: float = 0.9
    seed: int = 0
    library: bool = False  # train once more with DistributedDataParallel
    checkpoint_every: int = 10
    die: int | None = None

    def __post_init__(self) -> None:
        if self.batches.shape[1] % self.num_workers:
            raise ValueError(
                f"batches: {self.batches.shape[1]} rows a step for {self.num_workers} workers; "
                "allowed: a multiple of the number of workers, so that all shares weigh the same"
            )


@dataclass(frozen=True)
class Attempt:
    """How one start of all workers ended: their return codes, where it began, and the last words of each."""

    began_at: int
    codes: tuple[int, ...]
    last_words: tuple[str, ...]


def ring_all_reduce(numbers: Tensor) -> int:
    """Replace every worker's numbers by the sum over all workers; returns how many numbers this worker sent.

    The numbers are cut into as many pieces as there are workers. In the first round trip each piece travels once
    around the ring and gathers its sum; in the second the finished pieces travel around once more.
    """
    size, rank = dist.get_world_size(), dist.get_rank()
    pieces = list(
        numbers.tensor_split(size)
    )  # views: writing to them writes to numbers
    after, before, sent = (rank + 1) % size, (rank - 1) % size, 0
    for trip in range(2 * (size - 1)):
        out, into = pieces[(rank - trip) % size], pieces[(rank - trip - 1) % size]
        received = torch.empty_like(into)
        sending = dist.isend(out.clone(), after)
        dist.recv(received, before)
        sending.wait()
        sent += out.numel()
        if trip < size - 1:
            into += received
        else:
            into.copy_(received)
    return sent


def average_gradients(model: nn.Module) -> int:
    """Put the mean gradient of all workers in place of this worker's own."""
    slopes = [p.grad for p in model.parameters()]
    numbers = torch.cat([slope.flatten() for slope in slopes])
    sent = ring_all_reduce(numbers)
    numbers /= dist.get_world_size()
    for slope, part in zip(
        slopes, numbers.split([s.numel() for s in slopes]), strict=True
    ):
        slope.copy_(part.view_as(slope))
    return sent


def share(job: Job, step: int, rank: int) -> tuple[Tensor, Tensor]:
    """This worker's part of a step's batch: every `num_workers`-th row."""
    rows = job.batches[step, rank :: job.num_workers]
    return job.X[rows], job.y[rows]


def train_alone(job: Job) -> nn.Module:
    """The same training in one process that sees whole batches."""
    model = network(job.seed)
    optimizer = Momentum(model, job)
    for rows in job.batches:
        model.zero_grad()
        cross_entropy(model(job.X[rows]), job.y[rows]).backward()
        optimizer.step()
    return model


class Momentum:
    """Gradient descent with momentum. Its memory is part of a checkpoint, as every optimiser's is.

    It does what `torch.optim.SGD` does; that one would load a compiler first, which takes longer than the training.
    """

    def __init__(self, model: nn.Module, job: Job) -> None:
        self.parameters = list(model.parameters())
        self.memory = [torch.zeros_like(p) for p in self.parameters]
        self.job = job

    @torch.no_grad()
    def step(self) -> None:
        """One step along the remembered gradients."""
        for p, velocity in zip(self.parameters, self.memory, strict=True):
            velocity.mul_(self.job.momentum).add_(p.grad)
            p -= self.job.learning_rate * velocity


def work(folder: Path, rank: int) -> None:
    """One worker: meet the others, and train to the end of the job."""
    job, attempt = torch.load(folder / "job.pt", weights_only=False)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting-{attempt}-of-{job.num_workers}",
        rank=rank,
        world_size=job.num_workers,
        timeout=datetime.timedelta(seconds=PATIENCE),
    )
    train_together(folder, job, rank, doomed=attempt == 0)
    if job.library:
        train_with_library(folder, job, rank)
    dist.destroy_process_group()


def train_together(folder: Path, job: Job, rank: int, doomed: bool) -> None:
    """Go on from the last checkpoint; every worker computes its share, and all take the mean step."""
    model = network(job.seed)
    optimizer = Momentum(model, job)
    for step in range(restore(folder, model, optimizer), len(job.batches)):
        X, y = share(job, step, rank)
        model.zero_grad()
        cross_entropy(model(X), y).backward()
        if doomed and job.die == step and rank == job.num_workers - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        sent = average_gradients(model)
        if step == 0:
            _write((_slopes(model), sent), folder / f"first-{rank}.pt")
        optimizer.step()
        if rank == 0 and (step + 1) % job.checkpoint_every == 0:
            save(folder, step + 1, model, optimizer)
    _write(model.state_dict(), folder / f"weights-{rank}.pt")


def train_with_library(folder: Path, job: Job, rank: int) -> None:
    """The same from the start, with PyTorch's own data parallelism."""
    model = network(job.seed)
    wrapped = DistributedDataParallel(model)  # averages gradients during backward
    optimizer = Momentum(model, job)
    for step in range(len(job.batches)):
        X, y = share(job, step, rank)
        model.zero_grad()
        cross_entropy(wrapped(X), y).backward()
        if step == 0:
            _write(_slopes(model), folder / f"library-first-{rank}.pt")
        optimizer.step()
    _write(model.state_dict(), folder / f"library-weights-{rank}.pt")


def save(folder: Path, step: int, model: nn.Module, optimizer: Momentum) -> None:
    """Keep all that the rest of the training depends on. A kill while writing leaves the old file whole."""
    state = {"step": step, "model": model.state_dict(), "memory": optimizer.memory}
    _write(state, folder / "checkpoint.pt")


def restore(folder: Path, model: nn.Module, optimizer: Momentum) -> int:
    """Load the last checkpoint, if there is one; returns the step to go on with."""
    path = folder / "checkpoint.pt"
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.memory = state["memory"]
    return state["step"]


def supervise(
    folder: Path, job: Job, max_restarts: int = 1, refill: bool = True
) -> list[Attempt]:
    """Run a job's workers; when one dies, start a group again from the last checkpoint.

    The new group is as large as the old one, or, without `refill`, as large as what is left of it.
    """
    attempts: list[Attempt] = []
    while len(attempts) <= max_restarts:
        _write((job, len(attempts)), folder / "job.pt")
        began_at = checkpointed(folder)
        workers = [_start(folder, rank) for rank in range(job.num_workers)]
        errors = [worker.communicate()[1] for worker in workers]
        codes = tuple(worker.returncode for worker in workers)
        attempts.append(Attempt(began_at, codes, tuple(map(_last_line, errors))))
        if not any(codes):
            return attempts
        if not refill:
            killed = sum(code < 0 for code in codes)  # by a signal
            job = replace(job, num_workers=max(1, job.num_workers - killed))
    raise RuntimeError(f"max_restarts={max_restarts} used up: {attempts[-1]}")


def checkpointed(folder: Path) -> int:
    """The step that the last checkpoint would go on with."""
    path = folder / "checkpoint.pt"
    return torch.load(path, weights_only=True)["step"] if path.exists() else 0


def _slopes(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad for name, p in model.named_parameters()}


def _write(content: object, path: Path) -> None:
    aside = path.with_suffix(".tmp")
    torch.save(content, aside)
    os.replace(aside, path)


def _start(folder: Path, rank: int) -> subprocess.Popen:
    program = [sys.executable, "-m", "mldev.training.at_scale_parallel"]
    return subprocess.Popen(
        [*program, str(folder), str(rank)], stderr=subprocess.PIPE, text=True
    )


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
