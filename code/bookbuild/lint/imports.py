"""Whether a module or a name exists: for the book's own packages from their source, for others from the environment.

Nothing is imported: a lint must not run what it reads, and importing the field's libraries takes longer
than all rules together.
"""

from __future__ import annotations

import ast
import importlib.util
from functools import lru_cache
from pathlib import Path

from bookbuild.lint.book import Book

OWN = ("mldev", "bookbuild")


def module_file(book: Book, module: str) -> str:
    """Path of an own module's file, or '' when there is none."""
    base = "code/" + module.replace(".", "/")
    return next((path for path in (f"{base}.py", f"{base}/__init__.py") if path in book.sources), "")


def missing_module(book: Book, module: str) -> bool:
    """Whether no module of this name can be found."""
    if module.split(".")[0] in OWN:
        return not module_file(book, module)
    return not _installed(module)


@lru_cache(maxsize=1024)
def _installed(module: str) -> bool:
    first, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):
        return False
    if spec is None or not rest or spec.submodule_search_locations is None:
        return spec is not None and not rest or first in {"os", "xml"}
    return any(_holds(Path(folder), rest) for folder in spec.submodule_search_locations)


def _holds(folder: Path, names: list[str]) -> bool:
    for name in names[:-1]:
        folder = folder / name
    last = folder / names[-1]
    files = list(folder.glob(f"{names[-1]}.*")) if folder.is_dir() else []
    return last.is_dir() or any(file.suffix in {".py", ".so", ".pyd"} for file in files)


def exported(book: Book, module: str) -> set[str] | None:
    """Names that can be imported from an own module; None for a foreign one, which only running can tell."""
    path = module_file(book, module)
    source = book.sources.get(path)
    if source is None or source.tree is None:
        return None
    names = {name for name in names_in(source.tree) if "." not in name}
    if path.endswith("/__init__.py"):
        folder = path.removesuffix("__init__.py")
        below = {name.removeprefix(folder).split("/")[0] for name in book.sources if name.startswith(folder)}
        names |= {name.removesuffix(".py") for name in below}
    return names


def names_in(tree: ast.Module) -> set[str]:
    """Names that a module defines at its top, with ``Class.method`` for what its classes hold."""
    names: set[str] = set()
    for node in _top(tree.body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            if isinstance(node, ast.ClassDef):
                names |= {f"{node.name}.{name}" for name in names_in(ast.Module(node.body, []))}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(name.asname or name.name).split(".")[0] for name in node.names}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name)}
    return names


def _top(body: list[ast.stmt]) -> list[ast.stmt]:
    found = []
    for node in body:
        found.append(node)
        for inner in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(node, (ast.If, ast.Try, ast.With)):
                for item in getattr(node, inner, []):
                    found += _top(item.body if isinstance(item, ast.ExceptHandler) else [item])
    return found
