"""What a page used is counted whole, also what its short-lived children used."""

from __future__ import annotations

import subprocess
import sys

from bookbuild.meter import Meter

SHORT_LIVES = """
import os, subprocess, sys
for _ in range(5):
    subprocess.run([sys.executable, "-c", "sum(range(2_000_000))"], check=True)
print(sum(os.times()[:4]), flush=True)
sys.stdin.read()
"""


def test_children_that_live_for_a_moment_are_counted() -> None:
    command = [sys.executable, "-c", SHORT_LIVES]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        meter = Meter(process.pid)
        used = float(process.stdout.readline())
        meter.sample()
        process.stdin.close()
    assert meter.cpu_seconds >= 0.9 * used > 0
