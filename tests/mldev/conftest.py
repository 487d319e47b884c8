"""What every test of the chapters' code shares: figures without a screen, parity records of plain values."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator

import matplotlib
import pytest

matplotlib.use("Agg")  # here, not in the environment: a notebook that a test runs chooses for itself
PLAIN = (str, int, float, bool)


def not_plain(record: dict[str, object]) -> list[str]:
    """The entries of a parity record that neither the ledger nor a second test process could read."""
    return [f"{key} is a {type(value).__name__}" for key, value in record.items() if type(value) not in PLAIN]


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fail the test that records anything else, where it does: `str(...)` or `float(...)` mends it."""
    result = yield
    for name, value in pyfuncitem.user_properties:
        wrong = not_plain(value) if name == "parity" else []
        if wrong:
            pytest.fail(f"the parity record of {pyfuncitem.name} is not plain: {', '.join(wrong)}")
    return result


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the figures that a test drew; one that draws none does not load pyplot."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
