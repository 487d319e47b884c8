"""Kill builds of a small book at random moments, and look at what each kill left.

    python tests/book/kill_harness.py --kills 20

After each kill the published site must be a whole one (byte for byte one of the two that the sources can give), and
the next build must be right.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


@dataclass
class Report:
    """What a series of kills left behind."""

    kills: int = 0
    moments: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def pages(book) -> dict[str, bytes]:
    """The published pages: not the status page, which shows times."""
    folder = book.root / "_build/html"
    found = sorted(folder.rglob("*.html")) if folder.exists() else []
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found if p.name != "ledgers.html"}


def differing(first: dict[str, bytes], second: dict[str, bytes]) -> list[str]:
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def survive(book, kills: int, seed: int) -> Report:
    """Kill `kills` builds; each follows an edit of the helper, so that there is everything to do."""
    rng, report = random.Random(seed), Report()
    base, whole = book.module("base"), {}
    for value in (3, 4):
        base.write_text(f'"""The helper\'s helper."""\n\nVALUE = {value}\n')
        begin = time.monotonic()
        book.build()
        whole[value] = pages(book)
    longest = time.monotonic() - begin
    for number in range(kills):
        value = (3, 4)[number % 2]
        base.write_text(f'"""The helper\'s helper."""\n\nVALUE = {value}\n')
        for record in (book.root / "_build/.jupyter_cache/executed").glob("*/base.ipynb"):
            if rng.random() < 0.5:
                record.unlink()
        build = subprocess.Popen(
            book.command("html"),
            cwd=book.root,
            env=book.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        moment = rng.uniform(0, longest)
        time.sleep(moment)
        os.killpg(build.pid, signal.SIGKILL)
        build.wait()
        report.kills += 1
        report.moments.append(round(moment, 2))
        left = pages(book)
        if left not in whole.values():
            where = min((differing(left, site) for site in whole.values()), key=len)
            report.wrong.append(f"kill {number + 1} after {moment:.2f} s: the published site is not whole: {where}")
        book.build()
        if pages(book) != whole[value]:
            where = differing(pages(book), whole[value])
            report.wrong.append(f"kill {number + 1} after {moment:.2f} s: the next build is not right: {where}")
    return report


def main() -> int:
    from conftest import write_small_book

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = survive(write_small_book(Path(folder) / "book"), options.kills, options.seed)
    print(f"{report.kills} kills, between {min(report.moments)} and {max(report.moments)} s into the build")
    print("\n".join(report.wrong) or "every published site was whole, every next build was right")
    return bool(report.wrong)


if __name__ == "__main__":
    sys.exit(main())
