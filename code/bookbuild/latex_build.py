"""Run LaTeX without a person at the keyboard, and say in one line what is wrong with the book when something is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bookbuild.paths import BookError

TOOLS = ("xelatex", "latexmk", "xindy", "rsvg-convert")
MAX_OVERFULL = 10.0  # points
SHOWN = 5
PAGE_LABEL = re.compile(r"\\label\{\\detokenize\{([^:}]+)::doc\}\}")
FILE_ERROR = re.compile(r"^(?:\./)?([^\s:]+\.\w+):(\d+): (.+)$", re.M)
OVERFULL = re.compile(
    r"Overfull \\([hv])box \(([\d.]+)pt too (?:wide|high)\)"
    r"(?: \w+)*?(?: at lines? (\d+)(?:--\d+)?| detected at line (\d+)| has occurred while)"
)
MISSING_REFERENCE = re.compile(r"(?:Reference|Hyper reference|Citation) `([^']+)' on page (\d+) undefined")
MISSING_CHARACTER = re.compile(r"Missing character: There is no (\S+) (?:\(U\+(\w+)\) )?in font ([^\s!:]+)")


class PdfError(BookError):
    """The PDF could not be made, or is not fit to be read: the message is one line."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with the PDF, and where it comes from."""

    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


def missing_tools() -> list[str]:
    """The programs that the PDF needs and this machine lacks."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def build_pdf(root: Path, latex_dir: Path, pdf: Path) -> None:
    """Make `pdf` from the LaTeX that Sphinx wrote into `latex_dir`; nothing is replaced unless all is well."""
    missing = missing_tools()
    if missing:
        raise PdfError(f"PDF: {', '.join(missing)} not found; on Debian or Ubuntu: apt-get install $(cat apt.txt)")
    source = main_source(latex_dir)
    run_latexmk(root, source)
    log = read_log(source)
    faults = list(find_faults(log, source))
    if faults:
        more = f" (and {len(faults) - SHOWN} more)" if len(faults) > SHOWN else ""
        raise PdfError(f"PDF: {'; '.join(map(str, faults[:SHOWN]))}{more}")
    put_in_place(source.with_suffix(".log"), pdf.with_suffix(".log"))
    put_in_place(source.with_suffix(".pdf"), pdf)


def main_source(latex_dir: Path) -> Path:
    """The one file that LaTeX is started on."""
    found = [path for path in sorted(latex_dir.glob("*.tex")) if r"\documentclass" in path.read_text("utf8")]
    if len(found) != 1:
        raise PdfError(f"PDF: {latex_dir}: {len(found)} LaTeX documents found, one expected")
    return found[0]


def source_epoch(root: Path) -> str:
    """The date that the PDF carries: the environment's, else the last commit's, so that two builds agree."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return os.environ["SOURCE_DATE_EPOCH"]
    command = ["git", "log", "-1", "--format=%ct"]
    answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "0"


def run_latexmk(root: Path, source: Path) -> None:
    """Run xelatex, the index and xelatex again, as often as the references ask for."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": source_epoch(root), "FORCE_SOURCE_DATE": "1", "TZ": "UTC"}
    environment |= {"LATEXOPTS": "", "max_print_line": "1000"}
    environment["XINDYOPTS"] = "-L english -C utf8 -M sphinx.xdy -I xelatex"
    settings = source.parent / "latexmkrc"
    options = ["-interaction=nonstopmode", "-halt-on-error", "-file-line-error", "-silent"]
    command = ["latexmk", "-norc", "-xelatex", *options, source.name]
    if settings.exists():
        command[2:2] = ["-r", settings.name]
    done = subprocess.run(command, cwd=source.parent, env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode != 0 or not source.with_suffix(".pdf").exists():
        source.with_suffix(".fdb_latexmk").unlink(missing_ok=True)  # else latexmk would refuse to try again
        raise PdfError(f"PDF: {first_error(source, done.stdout + done.stderr)}")


def first_error(source: Path, said: str) -> str:
    """The first thing that LaTeX, or a program that it calls, complained about."""
    log = read_log(source)
    for file, line, message in FILE_ERROR.findall(log):
        return str(Fault(f"{message.rstrip('.')} ({file}:{line})", page_at(source, file, int(line))))
    for line in log.splitlines():
        if line.startswith("! "):
            return line[2:].strip()
    summary = said.partition("Collected error summary")[2].splitlines()[1:]
    lines = [line.strip() for line in summary if line.strip()]
    return lines[0] if lines else "latexmk failed without a word"


def read_log(source: Path) -> str:
    log = source.with_suffix(".log")
    return log.read_text("utf8", errors="replace") if log.exists() else ""


def find_faults(log: str, source: Path) -> Iterator[Fault]:
    """What a reader would see as a fault: things that stick out, lead nowhere, or are not there."""
    for match in OVERFULL.finditer(log):
        kind, size, line = match[1], float(match[2]), match[3] or match[4]
        if size > MAX_OVERFULL:
            side = "sticks out of the page" if kind == "h" else "is higher than the page"
            where = page_at(source, source.name, int(line)) if line else ""
            yield Fault(f"something {side} by {size:.0f} pt ({source.name}:{line or '?'})", where)
    for target, number in dict.fromkeys(MISSING_REFERENCE.findall(log)):
        yield Fault(f"a reference to '{target}' leads nowhere", f"page {number}")
    for character, code, font in dict.fromkeys(MISSING_CHARACTER.findall(log)):
        yield Fault(f"the character {character}{f' (U+{code})' if code else ''} is in no font", font)


def page_at(source: Path, file: str, line: int) -> str:
    """The page of the book that a line of the LaTeX was written from."""
    if file != source.name or not source.exists():
        return ""
    lines = source.read_text("utf8").splitlines()[:line]
    for text in reversed(lines):
        found = PAGE_LABEL.findall(text)
        if found:
            return f"{found[-1]}.md"
    return ""


def put_in_place(made: Path, pdf: Path) -> None:
    """Publish in one step, leaving latexmk its own copy."""
    pdf.parent.mkdir(parents=True, exist_ok=True)
    aside = pdf.with_name(f".{pdf.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(made, aside)
        os.replace(aside, pdf)
    finally:
        aside.unlink(missing_ok=True)
