"""Studies: experiments too long for a build, whose rows are kept as text and sampled again at every build.

A chapter's module exposes its studies as `STUDIES: dict[str, Study]`. `make study` runs them and keeps their rows in
`studies/` beside the module. A page reads the kept rows with `Study.rows`, and re-runs a few of them with
`Study.recheck`, which fails the build when they disagree.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import importlib.metadata
import io
import json
import math
import numbers
import os
import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from mldev.experiments import run_all

PACKAGE = Path(__file__).resolve().parent
SHORTEST = 0.01  # seconds: shorter times are noise, and count as this long


class StudyDisagrees(AssertionError):
    """Kept rows of a study are not what its code gives today."""


class StudyOutdated(LookupError):
    """A study's rows were never written, or belong to another grid."""


@dataclass(frozen=True)
class Study:
    """An experiment over a grid of settings.

    Parameters
    ----------
    name
        "part/chapter", or "part/chapter-topic" where a chapter has several.
    run_row
        Takes one row of the grid, returns what was measured there: a dict of numbers, words and truths.
    grid
        The rows: dicts with the same keys, no two of them alike.
    timing_columns
        The measured columns that hold wall-clock seconds. Each is compared as a ratio to its column's median over
        the rows that are run again, so that a faster machine does not matter; times under 10 ms count as 10 ms.
    tolerance
        By how much other numbers may differ: relative to the kept one where that is above 1.
    timing_factor
        By how much a timing ratio may grow or shrink. A time on a busy machine easily doubles.
    folder
        Where the rows are kept; left out, `studies/` beside the modules of the part.
    """

    name: str
    run_row: Callable[[dict], dict]
    grid: list[dict]
    timing_columns: tuple[str, ...] = ()
    tolerance: float = 1e-9
    timing_factor: float = 5.0
    folder: Path | None = None

    def __post_init__(self) -> None:
        part, _, chapter = self.name.partition("/")
        if not part or not chapter or "/" in chapter:
            raise ValueError(
                f"study {self.name!r}: expected a name such as 'training/transfer-learning'"
            )
        if not self.grid or any(row.keys() != self.grid[0].keys() for row in self.grid):
            raise ValueError(
                f"study {self.name!r}: the grid needs at least one row, and the same keys in every row"
            )
        if len({_key(row) for row in self.grid}) != len(self.grid):
            raise ValueError(f"study {self.name!r}: two rows of the grid are alike")

    @property
    def path(self) -> Path:
        """The file of the kept rows."""
        part, _, chapter = self.name.partition("/")
        return (self.folder or PACKAGE / part / "studies") / f"{chapter}.csv"

    def write(self, path: Path | None = None, n_jobs: int = 2) -> Path:
        """Run all rows and keep them. After a kill, it goes on from the rows that were done."""
        path = Path(path or self.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        done = self._resume(partial)
        left = [row for row in self.grid if _key(row) not in done]
        calls = [{"run_row": self.run_row, "row": row} for row in left]
        with partial.open("a", encoding="utf8") as log:
            for position, result in run_all(_run, calls, n_jobs=n_jobs, desc=self.name):
                row = left[position]
                done[_key(row)] = self._checked(row, result)
                log.write(json.dumps([_key(row), done[_key(row)]]) + "\n")
                log.flush()
        table = _table([{**row, **done[_key(row)]} for row in self.grid])
        self._check_words(_parse(table), done)
        _replace(path, self._header() + table)
        partial.unlink()
        return path

    def rows(self) -> pd.DataFrame:
        """The kept rows, in the order of the grid."""
        if not self.path.exists():
            raise StudyOutdated(
                f"study {self.name!r} has no rows yet; run: {self._command()}"
            )
        lines = self.path.read_text("utf8").splitlines(keepends=True)
        text = "".join(lines[sum(line.startswith("# ") for line in lines) :])
        kept = [
            {name: row[name] for name in self.grid[0] if name in row}
            for row in csv.DictReader(io.StringIO(text))
        ]
        if kept != [
            {name: _cell(value) for name, value in row.items()} for row in self.grid
        ]:
            raise StudyOutdated(
                f"study {self.name!r}: the kept rows belong to another grid; run: {self._command()}"
            )
        return _parse(text)

    def recheck(self, num_rows: int = 3, seed: int | None = None) -> pd.DataFrame:
        """Run a random sample of the kept rows again, and raise `StudyDisagrees` where they differ.

        Parameters
        ----------
        num_rows
            How many.
        seed
            Which; left out, it follows from the file's bytes, so that two builds take the same rows.

        Returns
        -------
        rows
            The kept rows that were run again, with the largest difference seen outside the timing columns.
        """
        frame = self.rows()
        if seed is None:
            seed = int.from_bytes(
                hashlib.sha256(self.path.read_bytes()).digest()[:8], "big"
            )
        size = min(num_rows, len(frame))
        picked = np.sort(
            np.random.default_rng(seed).choice(len(frame), size, replace=False)
        )
        kept = [
            {name: frame[name].iloc[place] for name in frame.columns}
            for place in picked
        ]
        today = [
            self._checked(self.grid[place], self.run_row(dict(self.grid[place])))
            for place in picked
        ]
        faults = [*self._value_faults(kept, today), *self._timing_faults(kept, today)]
        if faults:
            lines = "\n".join(f"  {fault}" for fault in faults)
            raise StudyDisagrees(
                f"study {self.name!r}: kept rows are not what the code gives today\n{lines}"
            )
        return frame.iloc[picked].assign(
            difference=[self._largest(*pair) for pair in zip(kept, today, strict=True)]
        )

    def _resume(self, partial: Path) -> dict[str, dict]:
        """Read back the rows that a killed run had done, if the same sources made them."""
        sources, done = {"sources": self._sources()}, {}
        lines = partial.read_text("utf8").split("\n") if partial.exists() else []
        if lines and lines[0] == json.dumps(sources):
            done = dict(
                json.loads(line) for line in lines[1:-1]
            )  # the last line is empty, or was cut off
        _replace(
            partial,
            "".join(json.dumps(line) + "\n" for line in [sources, *done.items()]),
        )
        return done

    def _checked(self, row: dict, result: dict) -> dict:
        """A row's result as plain values."""
        clash = sorted(row.keys() & result.keys())
        if clash:
            raise ValueError(
                f"study {self.name!r}: the result repeats the grid's columns {', '.join(clash)}"
            )
        missing = sorted(set(self.timing_columns) - result.keys())
        if missing:
            raise ValueError(
                f"study {self.name!r}: the result lacks the timing columns {', '.join(missing)}"
            )
        return {name: _plain(self.name, name, value) for name, value in result.items()}

    def _check_words(self, frame: pd.DataFrame, done: dict[str, dict]) -> None:
        """Refuse words that would be read back as something else, such as "007"."""
        for place, row in enumerate(self.grid):
            for name, value in done[_key(row)].items():
                if _difference(frame[name].iloc[place], value) > 0:
                    raise ValueError(
                        f"study {self.name!r}: column {name!r} holds {value!r}, which reads as a number"
                    )

    def _value_faults(self, kept: list[dict], today: list[dict]) -> list[str]:
        return [
            f"{self._place(old)}: {name} was {_cell(old.get(name))}, is {_cell(value)}"
            for old, new in zip(kept, today, strict=True)
            for name, value in new.items()
            if name not in self.timing_columns
            and not _difference(old.get(name), value) <= self.tolerance
        ]

    def _timing_faults(self, kept: list[dict], today: list[dict]) -> list[str]:
        faults = []
        for name in self.timing_columns:
            for old, then, now in zip(
                kept, _ratios(kept, name), _ratios(today, name), strict=True
            ):
                if not 1 / self.timing_factor <= now / then <= self.timing_factor:
                    faults.append(
                        f"{self._place(old)}: {name} was {then:.2f} of its median, is {now:.2f}"
                    )
        return faults

    def _largest(self, kept: dict, today: dict) -> float:
        names = [name for name in today if name not in self.timing_columns]
        return max(
            (_difference(kept[name], today[name]) for name in names), default=0.0
        )

    def _place(self, row: dict) -> str:
        return ", ".join(f"{name}={_cell(row[name])}" for name in self.grid[0])

    def _modules(self) -> dict[str, Path]:
        """The source files behind the rows: the modules of the book that are loaded, and that of `run_row`."""
        names = [name for name in sys.modules if name.startswith("mldev.")] + [
            self.run_row.__module__
        ]
        files = {
            name: getattr(sys.modules[name], "__file__", None)
            for name in sorted(set(names))
        }
        return {name: Path(file) for name, file in files.items() if file}

    def _sources(self) -> str:
        digest = hashlib.sha256(
            _key({"pins": _pins(self._modules().values())}).encode()
        )
        for file in self._modules().values():
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def _command(self) -> str:
        module = self.run_row.__module__
        if module.startswith("mldev."):
            return f"make study NAME={module.removeprefix('mldev.').replace('.', '/').replace('_', '-')}"
        return f"make study NAME={self.name}"

    def _header(self) -> str:
        """What made the rows, as the comment lines of their file."""
        seeds = sorted({row["seed"] for row in self.grid if "seed" in row})
        lines = {
            "study": self.name,
            "script": f"{self.run_row.__module__} ({self._command()})",
            "pins": f"python {platform.python_version()}, {_pins(self._modules().values())}",
            "seeds": ", ".join(map(str, seeds)) or "fixed in the script",
            "date": date.today().isoformat(),
        }
        return "".join(f"# {name}: {text}\n" for name, text in lines.items())


def _run(run_row: Callable[[dict], dict], row: dict) -> dict:
    return run_row(dict(row))


def _key(row: dict) -> str:
    return json.dumps(row, sort_keys=True, default=lambda value: value.item())


def _plain(study: str, name: str, value: object) -> bool | int | float | str:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, str) and "\n" not in value:
        return value
    raise TypeError(
        f"study {study!r}: column {name!r} must hold numbers, words or truths, got {value!r}"
    )


def _cell(value: object) -> str:
    """A value as it stands in the file: a float with all its digits."""
    return repr(float(value)) if isinstance(value, float | np.floating) else str(value)


def _table(rows: list[dict]) -> str:
    if any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError(
            f"the rows of a study must have the same columns; the first has {', '.join(rows[0])}"
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _parse(table: str) -> pd.DataFrame:
    return pd.read_csv(
        io.StringIO(table),
        keep_default_na=False,
        na_values=["nan"],
        float_precision="round_trip",
    )


def _replace(path: Path, text: str) -> None:
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    aside.write_text(text, "utf8")
    os.replace(aside, path)


def _difference(kept: object, today: object) -> float:
    """How far two values are apart: relative above 1, absolute below; infinite for words that are not the same."""
    both = isinstance(kept, numbers.Real | np.bool_) and isinstance(today, numbers.Real)
    if not both:
        return 0.0 if str(kept) == str(today) else math.inf
    kept, today = float(kept), float(today)
    if kept == today or (math.isnan(kept) and math.isnan(today)):
        return 0.0
    apart = abs(kept - today) / max(1.0, abs(kept))
    return apart if math.isfinite(apart) else math.inf


def _ratios(rows: list[dict], name: str) -> np.ndarray:
    times = np.maximum([float(row[name]) for row in rows], SHORTEST)
    return times / np.median(times)


def _pins(files: Iterable[Path]) -> str:
    """The installed packages that these source files import, with their versions."""
    nodes = [
        node for file in files for node in ast.walk(ast.parse(file.read_text("utf8")))
    ]
    names = {
        alias.name
        for node in nodes
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {
        node.module
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }
    owners = _owners()
    found = {
        owner for name in names for owner in owners.get(name.partition(".")[0], ())
    } - set(owners.get("mldev", ()))
    return ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in sorted(found, key=str.lower)
    )


@cache
def _owners() -> dict[str, list[str]]:
    """The installed distributions behind each importable name."""
    return dict(importlib.metadata.packages_distributions())
