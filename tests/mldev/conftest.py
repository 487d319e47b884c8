"""What every test of the chapters' code shares: a parity record holds plain values only."""

from __future__ import annotations

from collections.abc import Generator

import pytest

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
