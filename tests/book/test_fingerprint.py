"""What a chapter's results depend on, seen through its fingerprint."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookbuild.fingerprint import code_cells, imported_names, inject
from bookbuild.paths import Book, BookError, front_matter

ROOT = Path(__file__).resolve().parents[2]

PAGE = """\
---
file_format: mystnb
kernelspec: {name: python3}
---
# Title

```{code-cell} ipython3
:tags: [hide-input]
import mldev.training.one as one
```

```{code-cell} ipython3
---
mystnb:
  figure: {name: fig-a, caption: "import nothing.here"}
---
from mldev import base
%timeit 1
```
"""


def test_code_cells_come_without_their_options():
    assert code_cells(PAGE) == ["import mldev.training.one as one\n", "from mldev import base\n%timeit 1\n"]


def test_imported_names_see_every_form_of_import():
    code = "import a.b\nfrom c import d\nif True:\n    import e\n!ls\n"
    assert list(imported_names(code)) == ["a.b", "c", "c.d", "e"]


def test_imports_relative_to_a_package_are_resolved():
    code = "from . import sibling\nfrom .near import x\nfrom ..top import y\n"
    assert list(imported_names(code, "mldev.training")) == [
        "mldev.training",
        "mldev.training.sibling",
        "mldev.training.near",
        "mldev.training.near.x",
        "mldev.top",
        "mldev.top.y",
    ]


def test_a_part_without_init_is_still_seen(small_book):
    from bookbuild.fingerprint import Inputs

    (small_book.root / "code/mldev/training/__init__.py").unlink()
    files = Inputs(small_book.root).sources(["mldev.training.one"])
    assert [path.name for path in files] == ["__init__.py", "base.py", "one.py"]


def test_inject_keeps_every_line_in_its_place(small_book):
    from bookbuild.fingerprint import Inputs

    result = inject(PAGE, Inputs(small_book.root))
    assert len(result.splitlines()) == len(PAGE.splitlines())
    assert len(front_matter(result)["kernelspec"]["fingerprint"]) == 16
    assert result.partition("---\n# Title")[2] == PAGE.partition("---\n# Title")[2]


def test_pages_without_code_are_left_alone(small_book):
    from bookbuild.fingerprint import Inputs

    for text in ("# Title\n\nkernelspec: {name: x}\n", "---\ntitle: x\n---\n# Title\n"):
        assert inject(text, Inputs(small_book.root)) == text


def test_study_data_belongs_to_its_module(small_book):
    from bookbuild.fingerprint import Inputs

    text = small_book.page("one").read_text("utf8")
    before = Inputs(small_book.root).of_page(text)
    studies = small_book.root / "code/mldev/training/studies"
    studies.mkdir()
    (studies / "one.csv").write_text("a,b\n")
    assert Inputs(small_book.root).of_page(text) != before
    other = small_book.page("two").read_text("utf8")
    unchanged = Inputs(small_book.root).of_page(other)
    (studies / "one.csv").write_text("a,b\n1,2\n")
    assert Inputs(small_book.root).of_page(other) == unchanged


def test_code_is_not_a_package():
    """With an `__init__.py` here, Python's own module `code` would be hidden, and pdb and pytest with it."""
    assert not (ROOT / "code" / "__init__.py").exists()
    import code

    assert hasattr(code, "InteractiveConsole")


def test_no_book_gets_one_line(tmp_path):
    with pytest.raises(BookError, match="no book here"):
        Book.find(tmp_path)
