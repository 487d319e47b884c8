"""Times are recorded once, replayed exactly, and never half-written."""

import json
import multiprocessing
import time

import pytest

from mldev.timings import NoRecordedTime, timed


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("MLDEV_TIMINGS_DIR", str(tmp_path / "timings"))
    monkeypatch.setenv("MLDEV_CHAPTER", "training/automl")
    monkeypatch.delenv("MLDEV_REPLAY", raising=False)
    return tmp_path / "timings" / "training" / "automl.json"


def test_the_clock_is_read(recorded):
    result, seconds = timed("nap", lambda: time.sleep(0.05) or "rested")
    assert result == "rested" and seconds >= 0.05
    assert json.loads(recorded.read_text("utf8")) == {"nap": seconds}


def test_each_name_keeps_its_last_time(recorded):
    timed("one", int)
    _, two = timed("two", int)
    _, again = timed("one", int)
    assert json.loads(recorded.read_text("utf8")) == {"one": again, "two": two}
    assert not list(recorded.parent.glob("*.tmp"))


def test_replay_shows_the_recorded_time_of_a_run_that_happens(recorded, monkeypatch):
    calls = []
    _, first = timed("fit", lambda: calls.append("first"))
    bytes_before = recorded.read_bytes()
    monkeypatch.setenv("MLDEV_REPLAY", str(recorded.parents[1]))
    _, replayed = timed("fit", lambda: (calls.append("second"), time.sleep(0.02)))
    assert replayed == first and calls == ["first", "second"]
    assert recorded.read_bytes() == bytes_before


def test_replay_of_an_unknown_time_says_what_to_do(recorded, monkeypatch):
    monkeypatch.setenv("MLDEV_REPLAY", str(recorded.parents[1]))
    with pytest.raises(NoRecordedTime, match="no time recorded for 'fit'; build this chapter once without a replay"):
        timed("fit", int)


def test_outside_a_build_nothing_is_written(monkeypatch, tmp_path):
    for name in ("MLDEV_TIMINGS_DIR", "MLDEV_CHAPTER", "MLDEV_REPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert timed("fit", lambda: 7)[0] == 7
    assert not list(tmp_path.iterdir())


def test_a_recording_needs_a_chapter(recorded, monkeypatch):
    monkeypatch.delenv("MLDEV_CHAPTER")
    with pytest.raises(RuntimeError, match="MLDEV_CHAPTER does not name the chapter"):
        timed("fit", int)


@pytest.mark.parametrize("name", ["", "  ", None])
def test_times_have_names(name):
    with pytest.raises(ValueError, match="name must be text that is not empty"):
        timed(name, int)


def test_a_run_that_fails_records_nothing(recorded):
    with pytest.raises(ZeroDivisionError):
        timed("fit", lambda: 1 / 0)
    assert not recorded.exists()


def many(worker):
    for number in range(20):
        timed(f"worker {worker}, run {number}", int)


def test_processes_do_not_lose_each_others_times(recorded):
    workers = [multiprocessing.get_context("fork").Process(target=many, args=(worker,)) for worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(json.loads(recorded.read_text("utf8"))) == 60
