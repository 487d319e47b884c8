"""Rule 12: what no text of the book says; and places that a skeleton left to fill."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bookbuild.lint.book import Book
from bookbuild.lint.faults import Fault

TEXT = (
    ".md .py .yml .yaml .toml .txt .cff .bib .css .js .html .json .sh .tex .sty .cls .cfg .ini .csv .svg .xml".split()
)
BARE = frozenset({"Makefile", "LICENSE", "run", "postBuild", "start", "appendix"})
FOREIGN = re.compile(r"(?:^|/)(?:vendor|vendored|third_party)/|\.min\.(?:js|css)$|^code/mldev/.*/studies/.*\.csv$")
OWN = re.compile(r"^code/bookbuild/lint/rules_text\.py$|^tests/book/test_lint\w*\.py$")

UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|TBD)\b|\blorem ipsum\b|\bcoming soon\b", re.IGNORECASE)
FILLER = re.compile(
    r"\bdelv(?:e|es|ing)\b|\bit(?: is|'?s) (?:important|worth|crucial) (?:to note|noting)\b|\bever-evolving\b"
    r"|\bin today'?s (?:\w+[- ]){0,3}(?:world|landscape|age|era)\b|\bfast-paced world\b|\bgame[- ]changer\b"
    r"|\bunlock the (?:power|potential)\b|\bin the realm of\b|\ba testament to\b|\brich tapestry\b|\bbuckle up\b"
    r"|\blet'?s dive (?:in|into)\b|\bdive deep into\b|\bneedless to say\b|\bin conclusion,",
    re.IGNORECASE,
)
ASSISTANT = re.compile(
    r"\bas an ai\b(?! (?:team|engineer|system))|\bas a (?:large )?language model, I\b|\bI hope this helps\b"
    r"|\blet me know if you\b|\bfeel free to (?:ask|reach)\b|\bcertainly! here\b|\bsure[!,] here(?:'s| is)\b"
    r"|\bhappy to help\b|\bis there anything else\b|\bgenerated (?:by|with) (?:chatgpt|claude|copilot|gemini)\b",
    re.IGNORECASE,
)
ABSOLUTE = re.compile(r"(?<![\w./~:$}>*-])/(?:work|home|Users|root)/\w|\b[A-Z]:\\(?:\w|\\)")
REGISTRY = re.compile(
    r"\b(?:pypi\.org|files\.pythonhosted\.org|test\.pypi\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|"
    r"conda\.anaconda\.org|repo\.anaconda\.com|proxy\.golang\.org|index\.crates\.io|download\.pytorch\.org|"
    r"unpkg\.com|cdn\.jsdelivr\.net|cdnjs\.cloudflare\.com)"
)
WHEELS = re.compile(r"https://download\.pytorch\.org/whl/cpu")
WHEELS_IN = re.compile(r"^README\.md$|^\.binder/|^\.github/workflows/")
FILL = re.compile(r"^\s*(?:%|#|<!--)\s*fill:\s*(?P<what>.*?)(?:\s*-->)?\s*$")
DASHES_PER_THOUSAND = 8


def _lines(book: Book) -> Iterator[tuple[str, int, str]]:
    """Every line of every text file that the book's writers wrote, with its place."""
    for path in book.files:
        name = path.rsplit("/", 1)[-1]
        is_text = name in BARE or any(name.endswith(ending) for ending in TEXT) or name.startswith(".")
        if is_text and not FOREIGN.search(path) and not OWN.match(path):
            for number, text in enumerate(book.read(path).splitlines(), 1):
                yield path, number, text


def unfinished(book: Book) -> Iterator[Fault]:
    """A mark of unfinished work, such as a note to do something later (all files)."""
    for path, number, text in _lines(book):
        for found in UNFINISHED.finditer(text):
            if found[0].isupper() or " " in found[0]:
                yield Fault(path, number, f"'{found[0]}' marks unfinished work", "finish it")


def filler(book: Book) -> Iterator[Fault]:
    """Filler that says nothing, and phrases of an assistant's answer (all files)."""
    for path, number, text in _lines(book):
        for found in [*FILLER.finditer(text), *ASSISTANT.finditer(text)]:
            yield Fault(path, number, f"'{found[0]}' says nothing to the reader", "say the thing itself")


def dashes(book: Book) -> Iterator[Fault]:
    """A page with more than 8 em dashes in a thousand words, or fewer words and more than 3 (all pages)."""
    for page in book.pages.values():
        text = "\n".join(line.text for line in page.prose)
        count, allowed = text.count("—"), max(3, DASHES_PER_THOUSAND * len(text.split()) // 1000)
        if count > allowed:
            line = next(line.number for line in page.prose if "—" in line.text)
            yield Fault(page.path, line, f"{count} em dashes on the page", "use full stops, commas or colons")


def absolute_path(book: Book) -> Iterator[Fault]:
    """A path of somebody's own machine (all files)."""
    for path, number, text in _lines(book):
        if found := ABSOLUTE.search(text):
            yield Fault(path, number, f"an absolute path at '{text[found.start() :][:24]}'", "write it from the root")


def registry_address(book: Book) -> Iterator[Fault]:
    """An address of a package registry or content network; PyTorch's CPU wheels in the README, .binder, workflows."""
    for path, number, text in _lines(book):
        text = WHEELS.sub("", text) if WHEELS_IN.match(path) else text
        if found := REGISTRY.search(text):
            yield Fault(path, number, f"the address '{found[0]}'", "name the package; requirements.txt pins it")


def unfilled(book: Book) -> Iterator[Fault]:
    """A place that a skeleton left to fill: a line '% fill: ...' in a page, '# fill: ...' in code (all files)."""
    for path, number, text in _lines(book):
        if found := FILL.match(text):
            yield Fault(path, number, f"still to fill: {found['what']}", "write it and take this line out")
