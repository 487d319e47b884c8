"""The site's own files: one style sheet, one script, the fonts, and nothing that no page loads."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import shutil
from pathlib import Path

from bookbuild.paths import write_atomically

HERE = Path(__file__).parent
STATIC = HERE.parents[1] / "theme" / "static"
TEMPLATES = STATIC.parent / "templates"
INLINE_BELOW = 8_000  # bytes: smaller maths fonts travel inside their style sheet, which saves requests
MATHS_FONTS = {
    'class="katex-html"': "Main-Regular",
    "mathnormal": "Math-Italic",
    "mathbb": "AMS-Regular",
    "mathbf": "Main-Bold",
    "boldsymbol": "Math-BoldItalic",
}
STYLE, SCRIPT, MATHS = "book.css", "book.js", "maths.css"
FONT_SOURCE = re.compile(r"url\(fonts/([\w-]+)\.woff2\) format\(\"woff2\"\)(?:,url\([^)]*\) format\(\"[^\"]*\"\))*")


def minified_css(text: str) -> str:
    """CSS without comments and needless space (the sources keep both)."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ?([{};,>]) ?", r"\1", text)
    text = re.sub(r": (?=[^{}]*[;}])", ":", text)
    return text.replace(";}", "}").strip()


def joined(folder: str, suffix: str) -> str:
    """The pieces of a folder, in the order of their names."""
    return "\n".join(path.read_text("utf8") for path in sorted((STATIC / folder).glob(f"*{suffix}")))


@functools.cache
def style() -> str:
    return minified_css(joined("css", ".css"))


@functools.cache
def script() -> str:
    """The script: each piece keeps its names to itself."""
    pieces = sorted((STATIC / "js").glob("*.js"))
    lines = [line.strip() for path in pieces for line in path.read_text("utf8").splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"


@functools.cache
def maths_style() -> str:
    """KaTeX's style sheet: modern fonts only, the small ones inside it, the others beside it."""

    def source(match: re.Match) -> str:
        path = STATIC / "katex" / "fonts" / f"{match.group(1)}.woff2"
        if path.stat().st_size >= INLINE_BELOW:
            return f'url(katex/{path.name}) format("woff2")'
        data = base64.b64encode(path.read_bytes()).decode()
        return f'url(data:font/woff2;base64,{data}) format("woff2")'

    text = (STATIC / "katex" / "katex.min.css").read_text("utf8")
    return FONT_SOURCE.sub(source, text).replace("font-display:block", "font-display:swap")


def fonts_of(body: str) -> list[str]:
    """The fonts that a page is sure to use: asked for at once, they arrive before its text is drawn."""
    found = ["fonts/source-sans-3-latin-wght-normal.woff2"]
    if "<em>" in body or "</em>" in body:
        found.append("fonts/source-sans-3-latin-wght-italic.woff2")
    if 'class="katex' in body:
        found += [f"katex/KaTeX_{name}.woff2" for mark, name in MATHS_FONTS.items() if mark in body]
    return [f"_static/{name}" for name in found]


@functools.cache
def version(name: str) -> str:
    """A short hash of an asset, which makes browsers fetch it anew when it changed."""
    text = {STYLE: style, SCRIPT: script, MATHS: maths_style}[name]()
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def fingerprint() -> str:
    """One hash of all that shapes a page's frame: when it changes, every page is written again."""
    total = hashlib.sha256()
    modules = [path for name in ("site", "maths", "charts", "search", "export") for path in HERE.glob(f"{name}*.py")]
    for path in sorted([*modules, *STATIC.rglob("*"), *TEMPLATES.rglob("*")]):
        if path.is_file():
            total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()[:16]


def write_assets(outdir: Path, keep: set[str]) -> None:
    """Write the site's own files into `_static`, and remove from it all that pages do not load.

    Parameters
    ----------
    outdir
        The site.
    keep
        Names in `_static` that stay although they are not ours.
    """
    target = outdir / "_static"
    target.mkdir(parents=True, exist_ok=True)
    texts = {STYLE: style(), SCRIPT: script(), MATHS: maths_style()}
    for name, text in texts.items():
        path = target / name
        if not path.exists() or path.read_text("utf8") != text:
            write_atomically(path, text)
    copies = {f"fonts/{path.name}": path for path in sorted((STATIC / "fonts").glob("*"))}
    copies |= {f"katex/{path.name}": path for path in sorted((STATIC / "katex" / "fonts").glob("*"))}
    copies["katex/LICENSE"] = STATIC / "katex" / "LICENSE"
    for name, path in copies.items():
        (target / name).parent.mkdir(exist_ok=True)
        if not (target / name).exists() or (target / name).read_bytes() != path.read_bytes():
            shutil.copyfile(path, target / name)
    prune(target, set(texts) | set(copies) | keep)
    shutil.rmtree(outdir / "_sphinx_design_static", ignore_errors=True)


def prune(folder: Path, wanted: set[str]) -> None:
    """Remove every file of `folder` that is not wanted, and the folders that this empties."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
