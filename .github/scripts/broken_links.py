"""Print the broken links of Sphinx's link check (its `output.json`) as a Markdown list."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def broken(text: str) -> list[dict]:
    """The entries of a link check that did not answer."""
    entries = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [entry for entry in entries if entry["status"] in ("broken", "timeout")]


def report(text: str) -> str:
    """One line for each broken link: its page, its line, its address, what came back."""
    lines = [f"- {e['filename']}:{e['lineno']}: {e['uri']}: {e['info'] or e['status']}" for e in broken(text)]
    return "\n".join(lines or ["Every external link answers."]) + "\n"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: broken_links.py output.json\n")
        return 2
    path = Path(arguments[0])
    if not path.exists():
        sys.stdout.write(f"The link check wrote no {path.name}: it did not run to its end.\n")
        return 0
    sys.stdout.write(report(path.read_text("utf8")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
