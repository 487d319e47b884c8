"""The fork server: whatever a candidate does, it ends alone and the server goes on."""

import os
import signal
import sys
import time
import warnings

import cloudpickle
import numpy as np
import psutil
import pytest

from mldev.techniques import automl_workers
from mldev.techniques.automl_workers import Server, ServerLost, borrowed_server, close_server

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def double(task, x):
    return 2 * x + len(task)


def raises(task):
    raise ArithmeticError("no such model")


def leaves(task):
    sys.exit("models do not exit")


def warns(task):
    warnings.warn("did not converge", RuntimeWarning, stacklevel=1)
    return "a model"


def hangs(task):
    while True:
        time.sleep(10)


def eats_memory(task):
    return [np.ones(5_000_000) for _ in range(40)]


def runs_out_of_memory(task):
    raise MemoryError("cannot allocate")


def crashes(task):
    os.kill(os.getpid(), signal.SIGSEGV)


def prints(task):
    print("noise")
    os.system("echo noise >&2")
    return "quiet"


def unpicklable(task):
    return lambda: None


@pytest.fixture
def server():
    with borrowed_server() as one:
        one.give({"rows": 1})
        yield one


@pytest.mark.parametrize(
    ("job", "status", "note"),
    [
        (raises, "raised", "ArithmeticError: no such model"),
        (leaves, "raised", "SystemExit: models do not exit"),
        (runs_out_of_memory, "too much memory", "MemoryError: cannot allocate"),
        (eats_memory, "too much memory", "killed at its memory limit"),
        (crashes, "crashed", "the process ended without an answer"),
        (unpicklable, "raised", "pickle"),
    ],
)
def test_a_job_that_fails_is_recorded_and_the_next_one_runs(server, job, status, note):
    outcome = server.run(job, seconds=30, megabytes=150)
    assert (outcome.status, outcome.value) == (status, None)
    assert note in outcome.note
    assert server.run(double, 4).value == 9


def test_a_job_that_hangs_is_killed_at_its_limit(server):
    outcome = server.run(hangs, seconds=0.3)
    assert outcome.status == "too slow"
    assert outcome.seconds >= 0.3
    assert server.run(double, 4).value == 9
    assert not psutil.Process(server.process.pid).children()


def test_a_job_without_time_is_not_waited_for(server):
    assert server.run(double, 4, seconds=0).status == "too slow"


def test_a_warning_is_noted_and_the_value_kept(server, recwarn):
    outcome = server.run(warns)
    assert (outcome.status, outcome.value) == ("ok", "a model")
    assert outcome.note == "RuntimeWarning: did not converge"
    assert not recwarn


def test_a_job_writes_nothing_to_the_callers_streams(server, capfd):
    assert server.run(prints).value == "quiet"
    assert capfd.readouterr() == ("", "")


def test_the_server_is_kept_warm_and_replaced_when_it_has_died(server):
    with borrowed_server() as again:
        assert again is server
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    with borrowed_server() as fresh:
        assert fresh is not server
        fresh.give(())
        assert fresh.run(double, 1).value == 2


def test_an_error_of_the_caller_ends_the_server(server):
    with pytest.raises(KeyboardInterrupt), borrowed_server() as one:
        raise KeyboardInterrupt
    assert not one.alive
    assert not automl_workers._kept


def test_a_dead_server_is_reported():
    one = Server()
    one.close()
    with pytest.raises((ServerLost, OSError)):
        one.give(())
    one = Server()
    assert one.ready()
    os.kill(one.process.pid, signal.SIGKILL)
    one.process.wait()
    with pytest.raises(ServerLost, match="the server has ended"):
        one.run(double, 1)
    one.close()


def test_closing_ends_a_running_child(server):
    server._send(("job", cloudpickle.dumps((hangs, ())), 60.0, 100.0))
    deadline = time.monotonic() + 30
    while not (children := psutil.Process(server.process.pid).children()):
        assert time.monotonic() < deadline, "no child was forked"
        time.sleep(0.01)
    close_server()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
