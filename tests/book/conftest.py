"""A small real book, built by the real machine, for tests of how books are built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sphinx.config import Config
from sphinx.util.docutils import docutils_namespace, patch_docutils

ROOT = Path(__file__).resolve().parents[2]

TOC = """\
format: jb-book
root: book/index
parts:
  - caption: AI in Model Training
    numbered: true
    chapters:
      - file: book/training/index
        sections:
          - file: book/training/one
          - file: book/training/two
  - caption: Back matter
    chapters:
      - file: book/back/ledgers
"""

LEDGERS = """\
# Ledgers

```{claims-ledger}
```

```{parity-ledger}
```

```{build-status}
```
"""

CHAPTER = """\
---
file_format: mystnb
kernelspec: {{name: python3, display_name: Python 3}}
---
({name})=
# Chapter {name}

The helper gives {{glue:text}}`value-{name}`, see {{numref}}`fig-{name}` and {{ref}}`claim-{name}-positive`.

```{{code-cell}} ipython3
:tags: [remove-cell]
from myst_nb import glue

{imports}
from mldev import plotting

plotting.use_style()
```

```{{code-cell}} ipython3
value = {value}
glue("value-{name}", value, display=False)
```

```{{code-cell}} ipython3
from mldev.claims import claim

claim("{name}-positive", "The value is positive", bool(value > 0), f"the value is {{value}}")
```

```{{code-cell}} ipython3
---
mystnb:
  figure: {{name: fig-{name}, caption: "A line that rises to the value."}}
  image: {{alt: "A straight line rising from zero to the value."}}
---
import matplotlib.pyplot as plt

fig, ax = plt.subplots()
ax.plot([0, value]);
```
"""


@dataclass(frozen=True)
class SmallBook:
    """A book of two chapters in a folder of its own."""

    root: Path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "bookbuild", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.root / "code"), "OMP_NUM_THREADS": "1", "REPLAY": ""}

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env={**self.environment, **extra},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def build(self, *arguments: str, **extra: str) -> str:
        """Build the site; the build must succeed. Returns what it printed."""
        result = self.run(*(arguments or ("html",)), **extra)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    def executed(self, output: str) -> set[str]:
        """The chapters that a build says it executed."""
        lines = [line for line in output.splitlines() if line.startswith("executed training/")]
        return {line.split()[1].removesuffix(":").removeprefix("training/") for line in lines}

    def page(self, name: str) -> Path:
        return self.root / "book" / "training" / f"{name}.md"

    def module(self, name: str) -> Path:
        return self.root / "code" / "mldev" / f"{name}.py"

    def html(self, name: str) -> str:
        return (self.root / "_build" / "html" / "book" / "training" / f"{name}.html").read_text("utf8")

    def replace(self, path: Path, old: str, new: str) -> None:
        text = path.read_text("utf8")
        assert old in text
        path.write_text(text.replace(old, new))


def write_small_book(root: Path) -> SmallBook:
    """Write the sources: chapter one computes with a helper's helper, chapter two with nothing of ours."""
    (root / "book" / "training").mkdir(parents=True)
    (root / "book" / "back").mkdir()
    (root / "code" / "mldev" / "training").mkdir(parents=True)
    for name in ("_config.yml", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "theme", root / "theme")
    for name in ("__init__.py", "claims.py", "experiments.py", "plotting.py"):
        shutil.copy(ROOT / "code" / "mldev" / name, root / "code" / "mldev" / name)
    (root / "code" / "mldev" / "training" / "__init__.py").write_text('"""The training part."""\n')
    (root / "code" / "mldev" / "base.py").write_text('"""The helper\'s helper."""\n\nVALUE = 3\n')
    (root / "code" / "mldev" / "training" / "one.py").write_text(
        '"""Chapter one."""\n\nfrom mldev.base import VALUE\n\n\n'
        'def answer() -> int:\n    """Give the value."""\n    return VALUE\n'
    )
    (root / "_toc.yml").write_text(TOC)
    (root / "book" / "references.bib").write_text("")
    (root / "book" / "index.md").write_text("# A small book\n\nTwo chapters, so that the machine can be tried.\n")
    (root / "book" / "training" / "index.md").write_text("# Training\n\nThe part with the two chapters.\n")
    (root / "book" / "back" / "ledgers.md").write_text(LEDGERS)
    book = SmallBook(root)
    imports = "from mldev.training.one import answer"
    book.page("one").write_text(CHAPTER.format(name="one", imports=imports, value="answer()"))
    book.page("two").write_text(CHAPTER.format(name="two", imports="import math", value="math.factorial(3)"))
    return book


@pytest.fixture(scope="module", autouse=True)
def nothing_left_in_sphinx() -> Iterator[None]:
    """Sphinx keeps nodes, roles and kinds of source for the whole process: each test file starts without them."""
    suffixes = Config.config_values["source_suffix"].default  # one dictionary, written to by each application
    before = dict(suffixes)
    with patch_docutils(), docutils_namespace():
        yield
    suffixes.clear()
    suffixes.update(before)


@pytest.fixture
def small_book(tmp_path: Path) -> SmallBook:
    return write_small_book(tmp_path / "book")
