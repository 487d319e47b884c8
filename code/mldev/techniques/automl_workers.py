"""A warm fork server: every job runs in a process of its own, and can be killed.

A clean program (`serve`) imports the libraries once and holds the task. For each job it
forks a child, which shares all that memory and starts in milliseconds. A child that
raises, hangs, eats memory or crashes is ended and reported, and the server goes on.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import math
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import NoReturn

import cloudpickle
import psutil

PRELOAD = ("mldev.techniques.automl_evaluation",)
STARTING = 120.0  # seconds that the imports may take
TICK = 0.01  # seconds between two looks at a child's memory


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Parameters
    ----------
    status
        "ok", "raised", "too slow", "too much memory" or "crashed".
    value
        What the job returned, when it is "ok".
    note
        The error, or the first warning, in one line.
    seconds
        How long it took, from the fork to the answer.
    """

    status: str
    value: object
    note: str
    seconds: float


class ServerLost(RuntimeError):
    """The server ended, or does not answer."""


class Server:
    """The caller's end: start it, give it a task, and run jobs on the task."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.owner = os.getpid()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"from {__name__} import serve; serve({theirs.fileno()}, {PRELOAD!r})",
            ],
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # an interrupt is the caller's to handle
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
            },
        )
        theirs.close()
        self.connection = Connection(ours.detach())
        self._ready = False

    @property
    def alive(self) -> bool:
        """Whether this process may use it."""
        return self.owner == os.getpid() and self.process.poll() is None

    def ready(self, seconds: float = math.inf) -> bool:
        """Wait for the libraries to be imported: so long, or as long as that may take."""
        wait_for = max(0.0, min(seconds, STARTING))
        if not self._ready and self.connection.poll(wait_for):
            self._ready = self._receive() == "ready"
        if not self._ready and seconds >= STARTING:
            raise ServerLost(f"the server did not start within {STARTING:.0f} s")
        return self._ready

    def give(self, task: object) -> None:
        """Hand the server the object that all later jobs receive."""
        self._send(("task", cloudpickle.dumps(task)))

    def run(
        self,
        job: Callable,
        *arguments: object,
        seconds: float = 60.0,
        megabytes: float = 1000.0,
    ) -> Outcome:
        """Call `job(task, *arguments)` in a child of the server, within these limits."""
        self.ready()
        self._send(("job", cloudpickle.dumps((job, arguments)), seconds, megabytes))
        if not self.connection.poll(seconds + 60):
            raise ServerLost(f"the server did not answer within {seconds:.1f} + 60 s")
        return self._receive()

    def close(self) -> None:
        """End the server; its child, if one runs, ends with it."""
        if self.owner == os.getpid():
            self.connection.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _receive(self) -> object:
        try:
            return pickle.loads(self.connection.recv_bytes())
        except (EOFError, OSError):
            raise ServerLost("the server has ended") from None

    def _send(self, message: tuple) -> None:
        try:
            self.connection.send(message)
        except OSError:
            raise ServerLost("the server has ended") from None


_kept: list[Server] = []


@contextlib.contextmanager
def borrowed_server() -> Iterator[Server]:
    """The one server of this process, started if need be, ended when left by an error."""
    if _kept and not _kept[0].alive:
        _kept.pop().close()
    if not _kept:
        _kept.append(Server())
    try:
        yield _kept[0]
    except BaseException:
        close_server()
        raise


@atexit.register
def close_server() -> None:
    """End the server of this process, if there is one."""
    while _kept:
        _kept.pop().close()


def serve(descriptor: int, preload: tuple[str, ...]) -> None:
    """The server's whole life: hold a task, fork a child for each job."""
    for name in preload:
        importlib.import_module(name)
    caller, task = Connection(descriptor), None
    caller.send_bytes(pickle.dumps("ready"))
    with contextlib.suppress(EOFError, OSError):  # the caller has gone
        while True:
            kind, payload, *limits = caller.recv()
            if kind == "task":
                task = pickle.loads(payload)
                gc.collect()
                gc.freeze()  # children need not copy what they never change
            else:
                caller.send_bytes(pickle.dumps(run_in_child(task, payload, *limits)))


def run_in_child(
    task: object, payload: bytes, seconds: float, megabytes: float
) -> Outcome:
    """Fork, wait for the child's answer, and kill it at the first limit it breaks."""
    start = time.perf_counter()
    receive, send = Pipe(duplex=False)
    before = psutil.Process().memory_info().rss
    child = os.fork()
    if child == 0:
        answer(task, payload, send)
    send.close()
    try:
        status, value, note = _watch(
            child, receive, start + seconds, before + megabytes * 2**20
        )
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        receive.close()
    return Outcome(status, value, note, time.perf_counter() - start)


def _watch(child: int, receive: Connection, deadline: float, most: float) -> tuple:
    memory = psutil.Process(child).memory_info
    while time.perf_counter() < deadline:
        if wait([receive], timeout=min(TICK, max(0, deadline - time.perf_counter()))):
            try:
                return pickle.loads(receive.recv_bytes())
            except EOFError:
                return "crashed", None, "the process ended without an answer"
        if memory().rss > most:
            return "too much memory", None, "killed at its memory limit"
    return "too slow", None, "killed at its time limit"


def answer(task: object, payload: bytes, send: Connection) -> NoReturn:
    """The child's whole life: run the job, send what came of it, end."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            job, arguments = pickle.loads(payload)
            value = job(task, *arguments)
        message = pickle.dumps(
            ("ok", value, _line(caught[0].message) if caught else "")
        )
    except MemoryError as error:
        message = pickle.dumps(("too much memory", None, _line(error)))
    except BaseException as error:  # whatever a model does, the search has to know
        message = pickle.dumps(("raised", None, _line(error)))
    send.send_bytes(message)
    os._exit(0)


def _line(error: BaseException | str) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}"[:160]
