"""Where things are: one `Book` names every folder, and reads the table of contents."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

PDF_NAME = "ai-in-ml-model-development.pdf"
EPUB_NAME = "ai-in-ml-model-development.epub"
SITE_ZIP_NAME = "ai-in-ml-model-development-site.zip"
FRONT_MATTER = re.compile(r"\A---\n(.*?\n)---\n", re.S)


class BookError(Exception):
    """A fault that the person at the keyboard can mend: its message is one line, and is all they see."""


@dataclass(frozen=True)
class Book:
    """The folders of one book, from its root."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Book:
        """Find the book that holds `start` (the working folder by default)."""
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / "_toc.yml").exists() and (folder / "_config.yml").exists():
                return cls(folder)
        raise BookError(f"{here}: no book here (no _toc.yml and _config.yml in this folder or above it)")

    @property
    def build(self) -> Path:
        return self.root / "_build"

    @property
    def cache(self) -> Path:
        return self.build / ".jupyter_cache"

    @property
    def collected(self) -> Path:
        return self.build / "collected"

    @property
    def timings(self) -> Path:
        return self.build / "timings"

    @property
    def stage(self) -> Path:
        return self.build / "stage"

    @property
    def html(self) -> Path:
        return self.build / "html"

    @property
    def pdf(self) -> Path:
        return self.build / "pdf" / PDF_NAME

    @property
    def epub(self) -> Path:
        return self.build / "epub" / EPUB_NAME

    @property
    def figures(self) -> Path:
        return self.root / "figures"

    @property
    def replay(self) -> Path | None:
        """The folder of recorded timings to replay, when `REPLAY` asks for it ('1' means this book's own)."""
        value = os.environ.get("REPLAY", "")
        if value in ("", "0"):
            return None
        return self.timings if value == "1" else Path(value).resolve()

    def docnames(self) -> list[str]:
        """Every page of the table of contents, in reading order."""
        toc = self.root / "_toc.yml"
        try:
            data = yaml.safe_load(toc.read_text("utf8"))
        except yaml.YAMLError as error:
            raise BookError(f"_toc.yml: not valid YAML: {str(error).splitlines()[0]}") from error
        if not isinstance(data, dict) or "root" not in data:
            raise BookError("_toc.yml: no 'root' page")
        names = [data["root"], *_files(data)]
        for name in names:
            if not self.source(name).exists():
                raise BookError(f"_toc.yml: names '{name}', but {name}.md does not exist")
        return names

    def source(self, docname: str) -> Path:
        return self.root / f"{docname}.md"

    def docname(self, path: str | Path) -> str:
        """Turn what a person would type (a path, with or without `.md`) into a page's name."""
        name = str(path).removesuffix(".md")
        if Path(name).is_absolute():
            name = Path(name).relative_to(self.root).as_posix()
        if not self.source(name).exists():
            raise BookError(f"{path}: no such page")
        return name

    def notebooks(self) -> list[str]:
        """The pages that hold code cells."""
        return [name for name in self.docnames() if is_notebook(self.source(name).read_text("utf8"))]


def _files(node: object) -> list[str]:
    """The pages below a node of the table of contents, depth first."""
    if isinstance(node, list):
        return [name for child in node for name in _files(child)]
    if not isinstance(node, dict):
        return []
    own = [node["file"].removesuffix(".md")] if "file" in node else []
    return own + [name for key in ("parts", "chapters", "sections", "entries") for name in _files(node.get(key))]


def front_matter(text: str) -> dict:
    """The YAML block at the top of a page."""
    match = FRONT_MATTER.match(text)
    return yaml.safe_load(match.group(1)) or {} if match else {}


def is_notebook(text: str) -> bool:
    """Whether a page is a notebook: its front matter names a kernel."""
    return "kernelspec" in front_matter(text)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_bytes(data)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
