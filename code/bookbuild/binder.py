"""What Binder does, without Binder: a fresh environment, JupyterLab, and every page with code opened and run in it."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from nbformat import NotebookNode

from bookbuild.execute import ANSI
from bookbuild.fingerprint import Inputs
from bookbuild.meter import Meter
from bookbuild.notebooks import read_page
from bookbuild.paths import Book, BookError
from bookbuild.site_meta import git

LIMIT_MB = 1500
BASE_URL = "/user/reader/"
STARTING_SECONDS = 120
DOWNLOAD_SECONDS = 1200
PASSED_ON = ("LANG", "TMPDIR", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")
PASSED_ON += ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True)
class Fresh:
    """An environment made from `.binder/` alone, and the sources as Binder would clone them."""

    folder: Path

    @property
    def env(self) -> Path:
        return self.folder / "env"

    @property
    def home(self) -> Path:
        """The sources; like at Binder, this is the home folder as well."""
        return self.folder / "home"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    def environment(self) -> dict[str, str]:
        """The variables of every process: those of the book's own build and of this user stay outside."""
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        settings = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config"), "pip", "pip.conf")
        if settings.exists():
            pip.setdefault("PIP_CONFIG_FILE", str(settings))
        pip.setdefault("PIP_CACHE_DIR", str(Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "pip")))
        pip.setdefault("PIP_RETRIES", "1")  # where the second index of .binder/ is out of reach, each package asks it
        path = os.pathsep.join([str(self.env / "bin"), os.environ.get("PATH", os.defpath)])
        return {"LANG": "C.UTF-8", **passed, **pip, "PATH": path, "HOME": str(self.home)}

    def run(self, what: str, command: list[str], cwd: Path | None = None, seconds: float | None = None) -> None:
        """Run one command as Binder would; a failure is one line that says what failed and why."""
        with self.log.open("w") as log:
            try:
                done = subprocess.run(
                    command,
                    cwd=cwd or self.home,
                    env=self.environment(),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=seconds,
                    check=False,
                )
            except OSError as error:
                raise BookError(f"{what}: {error.strerror}") from error
            except subprocess.TimeoutExpired as error:
                raise BookError(f"{what}: did not end within {seconds:.0f} s") from error
        if done.returncode:
            raise BookError(f"{what}: {last_line(self.log)}")


def last_line(path: Path) -> str:
    lines = [line.strip() for line in ANSI.sub("", path.read_text("utf8", "replace")).splitlines() if line.strip()]
    return lines[-1] if lines else "no word of why"


def copy_sources(book: Book, home: Path) -> None:
    """Copy what git tracks, as it is now, and nothing else."""
    names = [name for name in git(book.root, "ls-files", "-z").split("\0") if name]
    if not names:
        raise BookError("git lists no files here: Binder can only be checked in a clone of the repository")
    unknown = sorted({f"{page}.md" for page in book.docnames()} - set(names))
    if unknown:
        raise BookError(f"{unknown[0]}: git does not track it, so Binder would not have it")
    for name in names:
        if (book.root / name).is_file():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(book.root / name, home / name)


def prepare(book: Book, folder: Path) -> Fresh:
    """Make the environment, or take the one that was kept if it was made from the same requirements."""
    fresh = Fresh(folder)
    shutil.rmtree(fresh.home, ignore_errors=True)
    fresh.home.mkdir(parents=True)
    copy_sources(book, fresh.home)
    wanted = [fresh.home / ".binder" / "requirements.txt", fresh.home / "requirements.txt"]
    value = hashlib.sha256(b"\0".join(path.read_bytes() for path in wanted)).hexdigest()
    stamp = folder / "requirements.sha256"
    if not stamp.exists() or stamp.read_text("utf8") != value:
        stamp.unlink(missing_ok=True)
        shutil.rmtree(fresh.env, ignore_errors=True)
        fresh.run("a new environment", [sys.executable, "-m", "venv", str(fresh.env)])
        pip = [str(fresh.env / "bin" / "pip"), "install", "--quiet", "-r", ".binder/requirements.txt"]
        fresh.run(".binder/requirements.txt", pip)
        stamp.write_text(value, "utf8")
    fresh.run(".binder/postBuild", [str(fresh.home / ".binder" / "postBuild")])
    return fresh


@contextmanager
def jupyterlab(fresh: Fresh) -> Iterator[tuple[str, str, int]]:
    """JupyterLab, started as Binder starts it; gives its address, its token and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token, start = secrets.token_hex(16), fresh.home / ".binder" / "start"
    command = [str(start)] if start.exists() else []
    command += ["jupyter-lab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    command += [f"--ServerApp.base_url={BASE_URL}", f"--IdentityProvider.token={token}", "--allow-root"]
    command += ["--expose-app-in-browser"]  # so that the check can ask JupyterLab what it holds
    environment = {**fresh.environment(), "JUPYTERLAB_WORKSPACES_DIR": str(fresh.home / ".workspaces" / token)}
    with fresh.log.open("w") as log:
        server = subprocess.Popen(command, cwd=fresh.home, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}{BASE_URL}"
        wait_for(f"{address}api/status?token={token}", server, fresh.log)
        yield address, token, server.pid
    finally:
        end(server)


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise BookError(f"JupyterLab ended at once: {last_line(log)}")
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.3)  # not up yet
    raise BookError(f"JupyterLab does not answer after {STARTING_SECONDS} s: {last_line(log)}")


def end(server: subprocess.Popen) -> None:
    """End the server and all that it started."""
    try:
        family = psutil.Process(server.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    for process in psutil.wait_procs(family, timeout=5)[1]:
        process.kill()


def check_page(book: Book, fresh: Fresh, page: str) -> list[str]:
    """Open and run one page in a server of its own; prints what it took and returns the faults."""
    from bookbuild.binder_lab import visit

    with jupyterlab(fresh) as (address, token, process):
        meter = Meter(process)
        meter.start()
        source = (fresh.home / f"{page}.md").read_text("utf8")
        found = visit(page, source, address, token, pictures=fresh.folder)
        meter.stop()
    memory = meter.peak_bytes / 1e6
    print(
        f"{page}: {found.cells} cells in {found.seconds:.0f} s, {memory:.0f} MB at most, "
        f"{found.claims} claims shown, {len(found.faults)} faults",
        flush=True,
    )
    if memory > LIMIT_MB:
        found.faults.append(f"used {memory:.0f} MB; a reader at Binder has {LIMIT_MB}")
    return [f"{page}.md: {fault}" for fault in found.faults]


def code_of(notebook: NotebookNode) -> list[str]:
    return [cell.source.strip() for cell in notebook.cells if cell.cell_type == "code"]


def check_download(book: Book, fresh: Fresh, page: str) -> list[str]:
    """Run a page's downloaded notebook in an empty folder, as a reader would who has the book's packages."""
    notebook = book.html / f"{page}.ipynb"
    if not notebook.exists():
        return [f"{notebook.relative_to(book.root)}: no download to check; `make html` makes it"]
    if code_of(nbformat.read(notebook, 4)) != code_of(read_page(book.source(page), Inputs(book.root))):
        return [f"{notebook.relative_to(book.root)}: its code is not that of the page; `make html` renews it"]
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="download-") as folder:
        shutil.copy2(notebook, folder)
        command = [str(fresh.env / "bin" / "jupyter"), "execute", notebook.name]
        try:
            fresh.run(f"the download {page}.ipynb", command, Path(folder), DOWNLOAD_SECONDS)
        except BookError as error:
            return [str(error)]
    print(f"{page}.ipynb, downloaded: ran in an empty folder in {time.monotonic() - begin:.0f} s", flush=True)
    return []


def binder_check(book: Book, pages: list[str], keep: bool) -> int:
    """Check the pages (all with code if none are named); faults are printed, and make the exit code 1."""
    pages = [book.docname(page) for page in pages] or book.notebooks()
    folder = book.build / "binder"
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        begin = time.monotonic()
        fresh = prepare(book, folder)
        print(f"a fresh environment from .binder/: {time.monotonic() - begin:.0f} s", flush=True)
        faults = [fault for page in pages for fault in check_page(book, fresh, page)]
        faults += check_download(book, fresh, pages[0])
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if faults else 0
