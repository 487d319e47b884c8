"""A new chapter's three files: page, module and test, each a skeleton that says what is to be filled.

The skeleton passes the lint except for the places marked ``fill:`` and what only a written chapter can have.
All files come into being together or not at all, and none is ever overwritten.
"""

from __future__ import annotations

import keyword
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import yaml

from bookbuild.paths import BookError

TITLES = {
    "introduction": "Introduction to AI and Machine Learning",
    "techniques": "AI-Powered Techniques in ML Model Development",
    "data": "Data Preparation and Feature Engineering with AI",
    "training": "AI in Model Training",
    "evaluation": "Model Evaluation and Interpretation with AI",
    "deployment": "AI-Driven Deployment and Monitoring",
    "trends": "Future Trends: AI and Machine Learning",
    "generative": "Generative AI and Large Language Models",
    "workshop": "Workshop, Projects and Case Studies",
}
NAME = re.compile(r"^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$")
ENTRY = re.compile(r"^(?P<indent>\s*)- file:\s*['\"]?(?P<name>[^'\"\s#]+)")

PAGE = """\
---
file_format: mystnb
kernelspec: {{name: python3, display_name: Python 3}}
---
({name})=
# {title}

% {fill}: the opening: the question, and what the reader will hold at the end, a picture or a number

```{{objectives}}
% {fill}: three to six objectives, each begins with a verb and ends in a reference to the section that meets it
```

```{{run-line}}
{before}
```

```{{code-cell}} ipython3
:tags: [remove-cell]
from mldev import plotting

plotting.use_style()
```

% {fill}: the sections, each with a label and one idea: plain words, by hand, the picture, the library, the measure
% {fill}: the claims, each in a cell beside its evidence
% {fill}: a section on when it fails

## In practice

% {fill}: at most five items: which tool, which default, which trap

## Summary

% {fill}: three to six sentences

## Exercises

% {fill}: three to five exercises, each with a solution that runs

## Further reading

% {fill}: three to eight works, each cited, with one line on why
"""
MODULE = """\
\"\"\"{title}: the code of chapter {part}/{name}.\"\"\"

# {fill}: what the chapter writes by hand, public things first, in small functions with types
"""
TEST = """\
\"\"\"Tests of the code of chapter {part}/{name}.\"\"\"

import mldev.{part}.{module} as chapter


def test_module_says_which_chapter_it_belongs_to():
    assert "{part}/{name}" in chapter.__doc__


# {fill}: unit, property and bad-input tests, the parity with the library, and the mutation of each claim
"""


def create(root: Path, part: str, name: str) -> list[Path]:
    """Write the files of chapter ``part/name`` and list it in the table of contents.

    Returns the paths written, relative to ``root``. Raises BookError, in one line, for an unknown part,
    a name that cannot be one, a chapter that exists, or a file that cannot be written.
    """
    _refuse(root, part, name)
    module = name.replace("-", "_")
    places = {
        "title": _outlined(root, part, name).get("title") or name.replace("-", " ").capitalize(),
        "before": _before(root, part, name),
        "part": part,
        "name": name,
        "module": module,
        "fill": "fill",
    }
    texts = {
        Path(f"book/{part}/{name}.md"): PAGE.format(**places),
        Path(f"code/mldev/{part}/{module}.py"): MODULE.format(**places),
        Path(f"tests/mldev/{part}/test_{module}.py"): TEST.format(**places),
    }
    init = Path(f"code/mldev/{part}/__init__.py")
    if not (root / init).exists():
        texts[init] = f'"""The code of part {part}: {TITLES[part]}."""\n'
    toc = (root / "_toc.yml").read_text(encoding="utf-8")
    _write(root, texts, insert(toc, part, name, _order(root)))
    return [*texts, Path("_toc.yml")]


def _refuse(root: Path, part: str, name: str) -> None:
    if part not in TITLES:
        raise BookError(f"chapter: there is no part '{part}': the parts are {', '.join(TITLES)}")
    if not NAME.match(name) or name == "index" or keyword.iskeyword(name):
        raise BookError(f"chapter: '{name}' cannot name a chapter: use words of a-z and 0-9 joined by hyphens")
    if not (root / "_toc.yml").is_file():
        raise BookError(f"chapter: {root} holds no book: there is no _toc.yml")
    module = name.replace("-", "_")
    for path in (
        f"book/{part}/{name}.md",
        f"code/mldev/{part}/{module}.py",
        f"tests/mldev/{part}/test_{module}.py",
    ):
        if (root / path).exists():
            raise BookError(f"chapter: {path} exists already: nothing was written")
    for other in sorted(path.stem for path in (root / f"book/{part}").glob("*.md")):
        if name.startswith(f"{other}-") or other.startswith(f"{name}-"):
            raise BookError(f"chapter: pages '{name}' and '{other}' would be read as one chapter: choose another name")


def _outline(root: Path) -> list[dict[str, Any]]:
    path = root / "book" / "outline.yml"
    found = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    parts = found.get("parts", []) if isinstance(found, dict) else []
    return [chapter for part in parts for chapter in part.get("chapters") or []]


def _outlined(root: Path, part: str, name: str) -> dict[str, Any]:
    return next((chapter for chapter in _outline(root) if chapter["path"] == f"{part}/{name}"), {})


def _order(root: Path) -> list[str]:
    return [chapter["path"] for chapter in _outline(root)]


def _before(root: Path, part: str, name: str) -> str:
    """References to the chapters to read before, as far as they are written."""
    wanted = _outlined(root, part, name).get("after", [])
    written = [path for path in wanted if (root / f"book/{path}.md").is_file()]
    return ", ".join(f"{{doc}}`/book/{path}`" for path in written) or "Nothing: the chapter stands on its own."


def insert(toc: str, part: str, name: str, order: list[str]) -> str:
    """The table of contents with the page added to its part, in the order of the outline where that lists it."""
    lines = toc.rstrip("\n").split("\n")
    entry = f"book/{part}/{name}"
    found = [(n, match) for n, line in enumerate(lines) if (match := ENTRY.match(line))]
    opener = next(((n, match) for n, match in found if match["name"] == f"book/{part}/index"), None)
    pages = [(n, match) for n, match in found if match["name"].startswith(f"book/{part}/") and (n, match) != opener]
    if pages:
        later = [n for n, match in pages if _comes_later(match["name"], entry, order)]
        at, indent = later[0] if later else pages[-1][0] + 1, pages[0][1]["indent"]
        new = [f"{indent}- file: {entry}"]
    elif opener:
        at, indent = opener[0] + 1, opener[1]["indent"]
        new = [f"{indent}  sections:", f"{indent}    - file: {entry}"]
    else:
        at = _place_of_part(lines, found, part)
        indent = next((match[0] for line in lines if (match := re.match(r"\s*(?=- caption:)", line))), "  ")
        new = [f"- caption: {TITLES[part]}", "  numbered: true", "  chapters:", f"    - file: {entry}"]
        new = [indent + line for line in new]
    changed = "\n".join([*lines[:at], *new, *lines[at:]]) + "\n"
    if entry not in str(yaml.safe_load(changed)):
        raise BookError(f"chapter: _toc.yml cannot take {entry}: list it there by hand, then try again")
    return changed


def _comes_later(listed: str, entry: str, order: list[str]) -> bool:
    places = {f"book/{path}": place for place, path in enumerate(order)}
    if entry not in places:
        return False
    owner = next((path for path in places if listed == path or listed.startswith(f"{path}-")), "")
    return bool(owner) and places[owner] > places[entry]


def _place_of_part(lines: list[str], found: list[tuple[int, re.Match[str]]], part: str) -> int:
    """Line at which a new part begins: after the last part that comes before it."""
    names = list(TITLES)
    earlier = {f"book/{other}/" for other in names[: names.index(part)]}
    listed = [n for n, match in found if any(match["name"].startswith(folder) for folder in earlier)]
    start = max(listed, default=-1) + 1
    captions = [n for n, line in enumerate(lines) if n >= start and re.match(r"\s*- caption:", line)]
    return captions[0] if captions else len(lines)


def _write(root: Path, texts: dict[Path, str], toc: str) -> None:
    """Write every file aside, then put each in its place; on any failure take all of them away again."""
    made: list[Path] = []
    folders: list[Path] = []
    with tempfile.TemporaryDirectory(dir=root, prefix=".chapter-") as aside:
        try:
            for number, text in enumerate([*texts.values(), toc]):
                (Path(aside) / str(number)).write_text(text, encoding="utf-8")
            for number, path in enumerate(texts):
                folders += _make_folders(root / path.parent)
                os.link(Path(aside) / str(number), root / path)
                made.append(root / path)
            os.replace(Path(aside) / str(len(texts)), root / "_toc.yml")
        except OSError as error:
            for path in made:
                path.unlink()
            for folder in reversed(folders):
                folder.rmdir()
            raise BookError(f"chapter: cannot write ({error}): nothing was written") from error


def _make_folders(folder: Path) -> list[Path]:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]
