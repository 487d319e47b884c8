"""What a framework costs before it has learned anything: lines to write, megabytes, seconds to import and to train."""

import ast
import inspect
import io
import os
import subprocess
import sys
import textwrap
import tokenize
from collections.abc import Callable
from functools import cache
from importlib.metadata import distribution, packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGES = {"scikit-learn": "sklearn", "PyTorch": "torch", "Keras": "keras"}
ROOTS = {
    "scikit-learn": ("sklearn",),
    "PyTorch": ("torch",),
    "Keras": ("keras", "tensorflow"),
}
SILENT = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)


def code_lines(*functions: Callable) -> int:
    """Lines that hold code in the sources of these functions: no comments, blank lines or docstrings."""
    total = 0
    for function in functions:
        source = textwrap.dedent(inspect.getsource(function))
        text = [
            node.value
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ]
        words = {line for t in text for line in range(t.lineno, t.end_lineno + 1)}
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        code = {t.start[0] for t in tokens if t.type not in SILENT}
        total += len(code - words)
    return total


@cache
def distributions_here() -> dict[str, list[str]]:
    """The installed distributions by the modules that they bring; looking through them all takes a while."""
    return dict(packages_distributions())


def distribution_of(module: str) -> str:
    """The installed distribution that a module comes from."""
    names = distributions_here().get(module)
    if not names:
        raise ValueError(f"module: expected one that is installed, got {module!r}")
    return canonicalize_name(names[0])


def needed(*names: str) -> set[str]:
    """These distributions, and all that they require here, directly or not."""
    found, left = set(), [canonicalize_name(name) for name in names]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            wanted = map(Requirement, distribution(name).requires or [])
            left += [
                canonicalize_name(r.name)
                for r in wanted
                if r.marker is None or r.marker.evaluate({"extra": ""})
            ]
    return found


def megabytes(*names: str) -> float:
    """Size of the files that these distributions installed, in millions of bytes."""
    files = [file for name in names for file in distribution(name).files or ()]
    return sum(file.size or 0 for file in files) / 1e6


def import_cost(module: str) -> tuple[int, float]:
    """Import a module in a fresh interpreter: how many modules that loads, and the CPU seconds it takes."""
    code = f"import sys, time, {module}; print(len(sys.modules), time.process_time())"
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | quiet,
        capture_output=True,
        check=True,
        text=True,
    )
    modules, seconds = done.stdout.split()
    return int(modules), float(seconds)
