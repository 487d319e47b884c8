"""The EPUB: valid, whole, without scripts, and the same bytes twice."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup

from bookbuild.epub import packed
from bookbuild.epub_pages import strict_svg
from bookbuild.paths import EPUB_NAME

ROOT = Path(__file__).parents[2]
EPUB = ROOT / "_build" / "epub" / EPUB_NAME
HTML = ROOT / "_build" / "html"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Every file of the EPUB by its name."""
    if not EPUB.exists():
        pytest.fail(f"{EPUB.relative_to(ROOT)} is not there: run `make book`", pytrace=False)
    with zipfile.ZipFile(EPUB) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def pages(files: dict[str, bytes]) -> dict[str, BeautifulSoup]:
    names = [name for name in files if name.endswith(".xhtml") and name != "nav.xhtml"]
    return {name: BeautifulSoup(files[name].decode(), "html.parser") for name in names}


def checker() -> list[str]:
    """How epubcheck is started: Debian's is a Java archive, which not every kernel runs by itself."""
    found = shutil.which("epubcheck")
    if not found or not shutil.which("java"):
        pytest.fail("epubcheck and java are needed: apt-get install epubcheck", pytrace=False)
    path = Path(found).resolve()
    return ["java", "-jar", str(path)] if path.suffix == ".jar" else [str(path)]


def test_epubcheck_finds_nothing(files: dict[str, bytes]) -> None:
    done = subprocess.run([*checker(), str(EPUB)], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "0 fatals / 0 errors / 0 warnings" in said, said


def test_epubcheck_would_find_a_fault(tmp_path: Path, files: dict[str, bytes]) -> None:
    broken = tmp_path / "broken.epub"
    with zipfile.ZipFile(broken, "w") as archive:
        for name, data in files.items():
            archive.writestr(
                name, data.replace(b"</body>", b"<p>open</body>") if name.endswith("preface.xhtml") else data
            )
    done = subprocess.run([*checker(), str(broken)], capture_output=True, text=True, check=False)
    assert done.returncode != 0


def test_the_first_entry_names_the_format() -> None:
    with zipfile.ZipFile(EPUB) as archive:
        first = archive.infolist()[0]
    assert first.filename == "mimetype" and first.compress_type == zipfile.ZIP_STORED


def test_every_page_of_the_book_is_in_it_and_in_its_contents(files: dict[str, bytes]) -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))
    names = [name for name in re.findall(r"'file': '([^']+)'", str(toc["parts"])) if name != "genindex"]
    contents = files["nav.xhtml"].decode()
    for name in names:
        assert f"{name}.xhtml" in files, f"{name} is not in the EPUB"
        assert f'href="{name}.xhtml"' in contents, f"{name} is not in its table of contents"


def test_figures_are_in_it_with_their_descriptions(files: dict[str, bytes], pages: dict[str, BeautifulSoup]) -> None:
    seen = 0
    for name, page in pages.items():
        for image in page.select("img"):
            seen += 1
            path = (Path("/") / Path(name).parent / image["src"]).resolve().relative_to("/").as_posix()
            assert path in files, f"{name}: {image['src']} is not in the EPUB"
            assert image.get("alt") is not None and "/" not in image["alt"], (
                f"{name}: {image['src']} has no description"
            )
    assert seen > 1


def test_as_many_figures_and_claims_as_on_the_site(pages: dict[str, BeautifulSoup]) -> None:
    for name, page in pages.items():
        site = HTML / name.replace(".xhtml", ".html")
        if not name.startswith("book/") or not site.exists() or name == "book/index.xhtml":
            continue
        there = BeautifulSoup(site.read_text("utf8"), "html.parser")
        for kind in ("figure", ".claim"):
            wanted = len(there.select(f"article {kind}"))
            assert len(page.select(kind)) == wanted, f"{name}: {kind}: {wanted} on the site"


def test_maths_are_mathml(files: dict[str, bytes], pages: dict[str, BeautifulSoup]) -> None:
    formulas = sum(len(page.select("math")) for page in pages.values())
    assert formulas > 0
    for name, page in pages.items():
        declared = re.search(rf'href="{re.escape(name)}"[^>]*properties="[^"]*mathml', files["content.opf"].decode())
        assert bool(page.select("math")) == bool(declared), f"{name}: MathML and the package disagree"
        assert not page.select(".katex-html"), f"{name}: maths for browsers"


def test_no_script_and_nothing_from_elsewhere(pages: dict[str, BeautifulSoup]) -> None:
    for name, page in pages.items():
        assert not page.select("script"), f"{name} holds a script"
        outside = [
            tag for tag in page.select("img, link, source, iframe") if "://" in str(tag.get("src") or tag.get("href"))
        ]
        assert not outside, f"{name} loads {outside}"


def test_packing_twice_gives_the_same_bytes(
    tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1760000000")
    with zipfile.ZipFile(EPUB) as archive:
        archive.extractall(tmp_path / "folder")
    (tmp_path / "folder" / "left-over.xhtml.orig").write_text("of no page's concern")
    first, second = packed(tmp_path / "folder"), packed(tmp_path / "folder")
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files


def test_drawings_are_made_strict() -> None:
    head = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"\n "x.dtd">\n'
    loose = head + '<svg><path id="a"/><path id="a" d="M 0 0"/></svg>'
    assert strict_svg(loose) == '<svg><path d="" id="a"/><path d="M 0 0"/></svg>'
