"""The book as an EPUB: Sphinx's own builder, told what it needs, and packed so that two builds give the same bytes.

Maths arrive as MathML, figures as SVG or PNG, data frames as plain tables; no page holds a script.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import time
import uuid
import zipfile
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from bookbuild import epub_pages
from bookbuild.paths import EPUB_NAME, Book, write_atomically

STYLE, COVER, UID = "epub.css", "cover.png", "BookId"
DESCRIPTION = "An executable book on the methods by which programs help to develop machine learning models."
ITEM = re.compile(r"<item ([^>]*?)\s*/>")
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
UNWANTED = frozenset({"search.xhtml"})
PROPERTIES = {"mathml": "<math", "svg": "<svg", "scripted": "<script"}
FIRST_ZIP_YEAR = (1980, 1, 1, 0, 0, 0)


def configure(app: Sphinx, config: Config) -> None:
    """Set the options of the EPUB builder."""
    title = config.html_title or config.project
    config.epub_basename = EPUB_NAME.removesuffix(".epub")
    config.epub_title = title
    config.epub_author = config.epub_publisher = config.epub_contributor = config.author
    config.epub_description = DESCRIPTION
    config.epub_identifier = uuid.uuid5(uuid.NAMESPACE_URL, f"book:{title}").urn
    config.epub_scheme, config.epub_uid = "UUID", UID
    config.epub_cover = (f"_static/{COVER}", "epub-cover.html")
    config.epub_show_urls = "no"
    config.epub_tocdepth, config.epub_tocscope = 2, "includehidden"
    config.version = config.version or "1"


def prepare(app: Sphinx) -> None:
    """Give the EPUB's pages a frame and a style of their own instead of the site's."""
    if app.builder.name != "epub":
        return
    handlers = app.registry.translation_handlers  # one node type with a form of its own would hide all the others'
    handlers["epub"] = {**handlers.get("html", {}), **handlers.get("epub", {})}
    theme = Path(app.srcdir) / "theme" / "epub"
    app.config.templates_path = [str(theme)]
    app.config.html_static_path = [str(theme / STYLE)]
    app.config.html_css_files = app.config.epub_css_files = []
    app.config.html_js_files = []
    app.builder.init_templates()
    write_cover(theme / "cover.svg", Path(app.outdir) / "_static" / COVER)


def write_cover(svg: Path, png: Path) -> None:
    """Draw the cover as the picture that book shelves show."""
    import vl_convert

    write_atomically(png, vl_convert.svg_to_png(svg.read_text("utf8"), scale=2))


def build_epub(root: Path, out: Path) -> None:
    """Make the EPUB `out` of the book at `root`."""
    from bookbuild.render import sphinx

    book = Book.find(root)
    shutil.rmtree(book.stage / "epub" / "epub", ignore_errors=True)  # a file of an older build would be packed, too
    folder = sphinx(book, "epub")
    write_atomically(out, packed(folder))


def packed(folder: Path) -> bytes:
    """The files of an EPUB as one archive: those that pages use, in a fixed order, with one date."""
    package, files = manifest(folder)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        add(archive, "mimetype", b"application/epub+zip", zipfile.ZIP_STORED)
        add(archive, "META-INF/container.xml", (folder / "META-INF/container.xml").read_bytes())
        contents = (
            (folder / "toc.ncx").read_text("utf8").replace(f'content="{UID}"', f'content="{identifier(package)}"')
        )
        add(archive, "toc.ncx", contents.encode())
        add(archive, "content.opf", package.encode())
        for name in files:
            add(archive, name, epub_pages.strict(name, (folder / name).read_bytes()))
    return buffer.getvalue()


def identifier(package: str) -> str:
    """The book's own name, which the older table of contents has to repeat."""
    return re.search(rf'<dc:identifier id="{UID}">([^<]+)<', package)[1]


def add(archive: zipfile.ZipFile, name: str, data: bytes, how: int = zipfile.ZIP_DEFLATED) -> None:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    when = max(FIRST_ZIP_YEAR, time.gmtime(int(epoch))[:6]) if epoch else FIRST_ZIP_YEAR
    info = zipfile.ZipInfo(name, when)
    info.compress_type, info.external_attr = how, 0o644 << 16
    archive.writestr(info, data)


def manifest(folder: Path) -> tuple[str, list[str]]:
    """The package file, which names what pages use and says which hold maths or drawings; and the files it names."""
    text = (folder / "content.opf").read_text("utf8")
    pages = {path.relative_to(folder).as_posix(): path.read_text("utf8") for path in sorted(folder.rglob("*.xhtml"))}
    used = referenced(pages)
    files: list[str] = []
    dropped: list[str] = []

    def item(match: re.Match) -> str:
        attributes = dict(ATTRIBUTE.findall(match[1]))
        name = attributes["href"]
        if name == "toc.ncx":
            return match[0]
        if name in UNWANTED or (name not in pages and name not in used):
            dropped.append(attributes["id"])
            return ""
        files.append(name)
        has = [key for key, mark in PROPERTIES.items() if mark in pages.get(name, "")]
        properties = " ".join(dict.fromkeys([*attributes.get("properties", "").split(), *has]))
        if properties:
            attributes["properties"] = properties
        return f"<item {' '.join(f'{key}={chr(34)}{value}{chr(34)}' for key, value in attributes.items())} />"

    text = ITEM.sub(item, text)
    for name in dropped:
        text = re.sub(rf'\s*<itemref idref="{re.escape(name)}"[^>]*/>', "", text)
    return re.sub(r"\n\s*\n", "\n", text), sorted(files)


def referenced(pages: dict[str, str]) -> set[str]:
    """The files that pages show or load, as paths from the EPUB's top."""
    found = {f"_static/{STYLE}", f"_static/{COVER}"}
    for name, text in pages.items():
        for address in re.findall(r'(?:src|href)="([^"#?:]+)"', text):
            found.add(os.path.normpath((Path(name).parent / address).as_posix()))
    return found


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", configure, priority=700)
    app.connect("builder-inited", prepare, priority=900)
    epub_pages.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
