"""One build at a time: a second one waits, and says so."""

from __future__ import annotations

import contextlib
import fcntl
import sys
from collections.abc import Iterator

from bookbuild.paths import Book


@contextlib.contextmanager
def build_lock(book: Book) -> Iterator[None]:
    """Hold the book's build lock; the kernel frees it even when the build is killed."""
    book.build.mkdir(parents=True, exist_ok=True)
    with (book.build / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another build of this book is running: waiting for it to finish", file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
