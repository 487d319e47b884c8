"""Wall-clock times, the one thing in the book that no two builds measure alike.

Every time that a page shows is taken by `timed`, which keeps it in a file. A build that replays these files shows the
same times again, so that two builds can be compared byte by byte.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class NoRecordedTime(LookupError):
    """A replay asks for a time that was never recorded."""


def timed(name: str, run: Callable[[], T]) -> tuple[T, float]:
    """Call `run()` and take its time.

    Parameters
    ----------
    name
        What is timed. Each measurement of a chapter has a name of its own ("fit, seed 3").
    run
        A function without arguments. It is called in a replay, too.

    Returns
    -------
    result, seconds
        What `run` returned, and how long it took: now, or in the recorded build that is being replayed.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"timed: name must be text that is not empty, got {name!r}")
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    if os.environ.get("MLDEV_REPLAY"):
        seconds = _recorded(_chapter_file(os.environ["MLDEV_REPLAY"]), name)
    if os.environ.get("MLDEV_TIMINGS_DIR"):
        _record(_chapter_file(os.environ["MLDEV_TIMINGS_DIR"]), name, seconds)
    return result, seconds


def _chapter_file(folder: str) -> Path:
    chapter = os.environ.get("MLDEV_CHAPTER")
    if not chapter:
        raise RuntimeError(
            "times are to be recorded or replayed, but MLDEV_CHAPTER does not name the chapter"
        )
    return Path(folder) / f"{chapter}.json"


def _recorded(path: Path, name: str) -> float:
    times = json.loads(path.read_text("utf8")) if path.exists() else {}
    if name not in times:
        raise NoRecordedTime(
            f"{path}: no time recorded for {name!r}; build this chapter once without a replay"
        )
    return float(times[name])


def _record(path: Path, name: str, seconds: float) -> None:
    """Add one time to a chapter's file: read, change and replace it while no other process does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.with_suffix(".lock")):
        times = json.loads(path.read_text("utf8")) if path.exists() else {}
        times[name] = seconds
        aside = path.with_suffix(f".{os.getpid()}.tmp")
        aside.write_text(
            json.dumps(times, indent=1, sort_keys=True, ensure_ascii=False) + "\n",
            "utf8",
        )
        os.replace(aside, path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
