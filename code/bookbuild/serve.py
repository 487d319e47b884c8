"""Serve the site while writing: rebuilt and reloaded at every change of a source."""

from __future__ import annotations

import subprocess
import sys

from livereload import Server

from bookbuild.paths import Book


def serve(book: Book, port: int) -> int:
    """Serve `_build/html`; each change runs the build, whose faults are printed and leave the last good site."""

    def rebuild() -> None:
        subprocess.run([sys.executable, "-m", "bookbuild", "html"], cwd=book.root, check=False)

    rebuild()
    server = Server()
    for name in ("book", "code", "theme", "_config.yml", "_toc.yml"):
        server.watch(str(book.root / name), rebuild, delay=0.5)
    server.serve(root=str(book.html), port=port, host="127.0.0.1")
    return 0
