"""Try the book with newer dependencies: loosen the pins, and say afterwards which versions moved.

    python newest.py loosen requirements.txt            # rewrites the file: name==1.2 becomes name>=1.2
    python newest.py moved pinned.txt installed.txt     # prints a Markdown table of the versions that differ

Jupyter Book keeps its major version, since the next one is another program.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[^\]]*\])?==(?P<version>[^\s;#]+)")
CAPS = {"jupyter-book": "<2"}


def normal(name: str) -> str:
    """A package's name as every tool agrees on it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def loosen(text: str) -> str:
    """Requirements with every exact pin turned into a lower bound."""

    def free(found: re.Match[str]) -> str:
        cap = CAPS.get(normal(found["name"]))
        return f"{found['name']}{found['extras'] or ''}>={found['version']}" + (f",{cap}" if cap else "")

    return "".join(PIN.sub(free, line) for line in text.splitlines(keepends=True))


def versions(text: str) -> dict[str, str]:
    """The exact versions of a requirements file or of `pip freeze`."""
    found = (PIN.match(line) for line in text.splitlines())
    return {normal(match["name"]): match["version"] for match in found if match}


def moved(pinned: str, installed: str) -> str:
    """A Markdown table of the packages whose installed version is not the pinned one."""
    before, after = versions(pinned), versions(installed)
    rows = [
        f"| {name} | {version} | {after[name]} |"
        for name, version in before.items()
        if after.get(name, version) != version  # what is pinned for another system is not installed here
    ]
    if not rows:
        return "No pinned version has a newer one.\n"
    return "\n".join(["| package | pinned | tried |", "| --- | --- | --- |", *rows]) + "\n"


def main(arguments: list[str]) -> int:
    match arguments:
        case ["loosen", name]:
            path = Path(name)
            path.write_text(loosen(path.read_text("utf8")), "utf8")
        case ["moved", pinned, installed]:
            sys.stdout.write(moved(Path(pinned).read_text("utf8"), Path(installed).read_text("utf8")))
        case _:
            sys.stderr.write(__doc__ or "")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
