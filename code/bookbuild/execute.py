"""Execute the pages whose inputs changed: in parallel, strictly, into jupyter-cache.

Each page gets a fresh kernel with one numerical thread. Its time (per cell), CPU and memory are recorded in
`_build/timings/<part>/<chapter>.run.json` and held against the page's budget.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from bookbuild.fingerprint import Inputs
from bookbuild.meter import Meter
from bookbuild.notebooks import cached, open_cache, read_page, store
from bookbuild.paths import Book, BookError, front_matter, write_atomically

BUDGET_CPU = {"normal": 60.0, "long": 120.0}
BUDGET_MIB = 1536.0
HARD_LIMIT = 2.0
CELL_TIMEOUT = 600
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Run:
    """What one execution of a page used, beside what it may use."""

    page: str
    cells: list[float]
    kernel_start: float
    wall: float
    cpu: float
    memory_mib: float
    budget_cpu: float
    budget_mib: float = BUDGET_MIB

    @property
    def share(self) -> float:
        """The larger of its two shares of the budget."""
        return max(self.cpu / self.budget_cpu, self.memory_mib / self.budget_mib)


class PageFailed(BookError):
    """A page whose code did not run to its end."""


def chapter_of(docname: str) -> str:
    """`book/training/x` is the chapter `training/x`."""
    return docname.removeprefix("book/")


def kernel_environment(book: Book, docname: str) -> dict[str, str]:
    """The environment of every kernel: single-threaded, reproducible, and told where to record its timings."""
    folder = str(book.root / "code")
    path = os.pathsep.join(p for p in (folder, os.environ.get("PYTHONPATH", "")) if p)
    fixed = {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": path,
        "SOURCE_DATE_EPOCH": source_date_epoch(),
        "TZ": "UTC",
        "TQDM_DISABLE": "1",
        "MLDEV_CHAPTER": chapter_of(docname),
        "MLDEV_TIMINGS_DIR": str(book.timings),
    }
    if book.replay:
        fixed["MLDEV_REPLAY"] = str(book.replay)
    return {**os.environ, **fixed}


def source_date_epoch() -> str:
    """The one date that a reproducible build carries, unless the caller sets another."""
    return os.environ.get("SOURCE_DATE_EPOCH", "1767225600")


class TimedClient(NotebookClient):
    """A notebook client that meters its kernel and notes how long each cell took."""

    def __init__(self, notebook: NotebookNode, on_cell: Callable[[int], None], **options: object) -> None:
        super().__init__(notebook, **options)
        self.on_cell = on_cell
        self.cell_seconds: list[float] = []
        self.kernel_start = 0.0
        self.meter: Meter | None = None

    async def async_start_new_kernel(self, **options: object) -> None:
        begin = time.perf_counter()
        await super().async_start_new_kernel(**options)
        self.kernel_start = time.perf_counter() - begin
        provisioner = self.km.provisioner
        self.meter = Meter(provisioner.pid)
        self.meter.start()

    async def async_execute_cell(self, cell: NotebookNode, cell_index: int, **options: object) -> NotebookNode:
        begin = time.perf_counter()
        try:
            return await super().async_execute_cell(cell, cell_index, **options)
        finally:
            if cell.cell_type == "code":
                self.cell_seconds.append(time.perf_counter() - begin)
                self.on_cell(len(self.cell_seconds))
            if cell_index == len(self.nb.cells) - 1:
                self.meter.stop()


def run_page(book: Book, docname: str, notebook: NotebookNode, on_cell: Callable[[int], None]) -> Run:
    """Execute one page in place; raises `PageFailed` with the cell and its error."""
    begin = time.perf_counter()
    if book.replay != book.timings:
        (book.timings / f"{chapter_of(docname)}.json").unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="mldev-") as folder:
        client = TimedClient(
            notebook,
            on_cell,
            timeout=CELL_TIMEOUT,
            kernel_name=notebook.metadata.kernelspec.name,
            resources={"metadata": {"path": folder}},
            record_timing=False,
            extra_arguments=["--IPKernelApp.log_level=40"],
        )
        try:
            client.execute(env=kernel_environment(book, docname))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise PageFailed(describe_failure(docname, notebook, len(client.cell_seconds), error)) from error
        finally:
            if client.meter:
                client.meter.stop()
    check_silence(docname, notebook)
    kind = front_matter(book.source(docname).read_text("utf8")).get("budget", "normal")
    return Run(
        page=docname,
        cells=[round(s, 4) for s in client.cell_seconds],
        kernel_start=round(client.kernel_start, 3),
        wall=round(time.perf_counter() - begin, 3),
        cpu=round(client.meter.cpu_seconds, 2),
        memory_mib=round(client.meter.peak_bytes / 2**20, 1),
        budget_cpu=BUDGET_CPU[kind],
    )


def check_silence(docname: str, notebook: NotebookNode) -> None:
    """A cell that writes on its error stream gave a warning, which is to be mended."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        words = "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stderr")
        if words:
            lines = "\n".join(f"    {line}" for line in words.splitlines()[:6])
            raise PageFailed(f"{docname}.md: cell {number} of {len(code)} wrote on its error stream\n{lines}")


def describe_failure(docname: str, notebook: NotebookNode, number: int, error: Exception) -> str:
    """One line that says what and where, then the cell's code and the error's own words."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    source = code[number - 1].source if 0 < number <= len(code) else ""
    if isinstance(error, CellExecutionError):
        what, detail = f"{error.ename}: {error.evalue}", ANSI.sub("", error.traceback)
    elif isinstance(error, CellTimeoutError):
        what, detail = f"ran for more than {CELL_TIMEOUT} s", ""
    else:
        what, detail = "its kernel died (out of memory?)", ""
    lines = [f"{docname}.md: cell {number} of {len(code)} failed: {what.splitlines()[0]}"]
    lines += ["  the cell:", *(f"    {line}" for line in source.splitlines())]
    lines += ["  the error:", *(f"    {line}" for line in detail.splitlines()[-12:])] if detail else []
    return "\n".join(lines)


def record_path(book: Book, docname: str) -> Path:
    return book.timings / f"{chapter_of(docname)}.run.json"


def keep_record(book: Book, run: Run) -> None:
    """Keep what a page used; a replay shows the recorded run instead."""
    path = record_path(book, run.page)
    if book.replay and (book.replay / path.relative_to(book.timings)).exists():
        write_atomically(path, (book.replay / path.relative_to(book.timings)).read_bytes())
    else:
        write_atomically(path, json.dumps(asdict(run), indent=1) + "\n")


def recorded(book: Book, docname: str) -> Run | None:
    path = record_path(book, docname)
    return Run(**json.loads(path.read_text("utf8"))) if path.exists() else None


def judge(run: Run, on_line: Callable[[str], None]) -> str | None:
    """Say when a page is over its budget; the text that comes back is a fault (twice over)."""
    if run.share <= 1:
        return None
    text = (
        f"{run.page}.md: used {run.cpu:.0f} s of CPU (budget {run.budget_cpu:.0f}) "
        f"and {run.memory_mib:.0f} MiB (budget {run.budget_mib:.0f})"
    )
    if run.share > HARD_LIMIT:
        return f"{text}: over twice its budget"
    on_line(f"over budget: {text}")
    return None


def stale_pages(book: Book, docnames: list[str]) -> dict[str, NotebookNode]:
    """The pages among `docnames` that have no result for their present inputs; the slowest (last time) first."""
    inputs, cache = Inputs(book.root), open_cache(book)
    stale = {}
    for name in docnames:
        notebook = read_page(book.source(name), inputs)
        if cached(cache, notebook) is None:
            stale[name] = notebook
    known = {name: recorded(book, name) for name in stale}
    return dict(sorted(stale.items(), key=lambda item: -(known[item[0]].wall if known[item[0]] else 1e9)))


def check_syntax(stale: dict[str, NotebookNode]) -> None:
    """Find a cell that does not parse before any time is spent on kernels."""
    for name, notebook in stale.items():
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for number, cell in enumerate(code, 1):
            if re.search(r"^\s*[%!]", cell.source, re.M):
                continue
            try:
                compile(cell.source, f"{name}.md, cell {number}", "exec")
            except SyntaxError as error:
                line = (error.text or "").strip()
                raise PageFailed(
                    f"{name}.md: cell {number} of {len(code)}, line {error.lineno}: {error.msg}: {line}"
                ) from error


def execute(
    book: Book, docnames: list[str] | None = None, also: dict[str, Callable[[], object]] | None = None
) -> list[str]:
    """Execute every page whose inputs changed, and keep the results. Returns the executed pages' names.

    `also` holds other work to do beside the pages, by its name (the parity tests).
    """
    stale = stale_pages(book, docnames or book.notebooks())
    check_syntax(stale)
    total = sum(1 for nb in stale.values() for cell in nb.cells if cell.cell_type == "code")
    failures: list[str] = []
    bar = tqdm(
        total=total, unit="cell", desc="execute", file=sys.stderr, dynamic_ncols=True, disable=None if total else True
    )
    jobs = {
        **(also or {}),
        **{name: partial(run_page, book, name, nb, lambda _: bar.update()) for name, nb in stale.items()},
    }
    waiting, running = list(jobs), {}
    with bar, ThreadPoolExecutor(os.cpu_count() or 1) as pool, no_survivors():
        while running or (waiting and not failures):
            while waiting and len(running) < (os.cpu_count() or 1) and not failures:
                name = waiting.pop(0)
                running[pool.submit(jobs[name])] = name
            bar.set_postfix_str(", ".join(chapter_of(name) for name in running.values()))
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                finish(book, future, running.pop(future), stale, failures, bar)
    if failures:
        raise PageFailed("\n".join(failures))
    return list(stale)


@contextlib.contextmanager
def no_survivors() -> Iterator[None]:
    """When the build is interrupted, end the kernels too: the threads that wait for them then end by themselves."""
    try:
        yield
    except BaseException:
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        raise


def finish(book: Book, future: Future, name: str, stale: dict, failures: list[str], bar: tqdm) -> None:
    """Keep one page's result, or note why there is none."""
    try:
        run = future.result()
        fault = judge(run, bar.write) if name in stale else None
    except BookError as error:
        fault = str(error)
    if fault:
        failures.append(fault)
    elif name in stale:
        keep_record(book, run)
        store(open_cache(book), stale[name], book.source(name), run.wall)
        if bar.disable:
            print(
                f"executed {chapter_of(name)}: {run.wall:.1f} s, {run.memory_mib:.0f} MiB", file=sys.stderr, flush=True
            )
