"""A parity record that holds a library's own number type fails in the test that made it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RECORDING = """
import numpy as np

def test_records(record_property):
    record_property("parity", {{"algorithm": "a", "difference": {value}}})
"""


@pytest.mark.parametrize(("value", "outcome"), [("np.float64(0.5)", "failed"), ("0.5", "passed")])
def test_only_plain_values(tmp_path: Path, value: str, outcome: str) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_it.py").write_text(RECORDING.format(value=value))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    shown = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path).stdout
    assert f"1 {outcome}" in shown
    assert ("difference is a float64" in shown) == (outcome == "failed")
