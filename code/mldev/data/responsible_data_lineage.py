"""Lineage (chapter "Responsible data management"): what came in, which code ran, what went out.

Every table has a fingerprint of its content, every step one of its source code. A lineage is a chain of them; anybody
who has the source and the code can run it again and see whether, and where, something differs.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import CodeType

import numpy as np
import pandas as pd


def content_hash(frame: pd.DataFrame) -> str:
    """SHA-256 of a table: names, types, index and every value, in order."""
    digest = hashlib.sha256()
    index = frame.index
    levels = [(name, index.get_level_values(i)) for i, name in enumerate(index.names)]
    for name, values in (*levels, *frame.items()):
        digest.update(f"{name!r} {values.dtype} {len(values)}\n".encode())
        if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf":
            digest.update(values.to_numpy().tobytes())
        else:
            for value in values.tolist():
                digest.update(f"{value!r}\n".encode())
        digest.update(b"\0")
    return digest.hexdigest()


def code_hash(function: Callable) -> str:
    """SHA-256 of a function's source, and of what it calls in its own module; libraries are not in it."""
    parts = [inspect.getsource(part) for part in _reached(function)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _reached(function: Callable) -> list[Callable]:
    """A function and all functions of its module that it names, directly or through others, sorted by name."""
    found, waiting = {}, [inspect.unwrap(function)]
    while waiting:
        part = waiting.pop()
        if part.__qualname__ in found:
            continue
        found[part.__qualname__] = part
        named = (part.__globals__.get(name) for name in _names(part.__code__))
        near = [inspect.unwrap(f) for f in named if callable(f)]
        near = [f for f in near if inspect.isfunction(f)]
        waiting += [f for f in near if f.__module__ == part.__module__]
    return [found[name] for name in sorted(found)]


def _names(code: CodeType) -> set[str]:
    inner = [_names(part) for part in code.co_consts if isinstance(part, CodeType)]
    return set(code.co_names).union(*inner)


@dataclass(frozen=True)
class Step:
    """One transformation: its name, the hash of its code, its arguments, what came in and what went out."""

    name: str
    code: str
    arguments: str
    came_in: str
    went_out: str


@dataclass(frozen=True)
class Lineage:
    """The steps that led to a table, in order."""

    steps: tuple[Step, ...] = ()

    def then(
        self, frame: pd.DataFrame, function: Callable, **arguments: object
    ) -> tuple[pd.DataFrame, Lineage]:
        """Apply a function, write down what happened: new table, new lineage."""
        came_in = content_hash(frame)
        if self.steps and self.steps[-1].went_out != came_in:
            raise ValueError(
                f"the table is not what step {self.steps[-1].name!r} gave out"
            )
        result = function(frame.copy(), **arguments)
        step = Step(
            function.__name__,
            code_hash(function),
            json.dumps(arguments, sort_keys=True),
            came_in,
            content_hash(result),
        )
        return result, Lineage((*self.steps, step))

    @property
    def identity(self) -> str:
        """One hash for the whole chain."""
        text = json.dumps([asdict(step) for step in self.steps], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def verify(self, source: pd.DataFrame, functions: Mapping[str, Callable]) -> str:
        """Run the steps again from the source: "reproduced", or the first thing that differs."""
        unknown = [step.name for step in self.steps if step.name not in functions]
        if unknown:
            raise ValueError(
                f"functions: no {unknown[0]!r}; there are {', '.join(functions)}"
            )
        frame = source
        for number, step in enumerate(self.steps, start=1):
            where = f"step {number} ({step.name})"
            if content_hash(frame) != step.came_in:
                return f"{where}: other data came in"
            if code_hash(functions[step.name]) != step.code:
                return f"{where}: other code"
            frame = functions[step.name](frame.copy(), **json.loads(step.arguments))
            if content_hash(frame) != step.went_out:
                return f"{where}: other data went out"
        return "reproduced"

    def table(self) -> pd.DataFrame:
        """The steps for a reader, hashes shortened."""
        rows = [asdict(step) | {"step": step.name} for step in self.steps]
        shown = pd.DataFrame(rows)[["step", "came_in", "code", "went_out"]]
        short = shown.set_index("step").apply(lambda column: column.str[:8])
        return short.rename(columns={"came_in": "came in", "went_out": "went out"})


def adults(frame: pd.DataFrame, age: int = 18) -> pd.DataFrame:
    """Only people of at least this age."""
    return frame[frame["age"] >= age].reset_index(drop=True)


def banded(frame: pd.DataFrame, years: int = 5) -> pd.DataFrame:
    """Ages rounded down to bands of some years."""
    return frame.assign(age=frame["age"] // years * years)


def without(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """The table without a column."""
    return frame.drop(columns=column)
