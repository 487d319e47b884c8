"""The built site in a real browser: what a reader does, at the desk and on a phone, by day and by night."""

from __future__ import annotations

import functools
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from bookbuild.paths import Book

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(os.environ.get("BOOK_SITE_DIR", ROOT / "_build" / "html"))
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
CHAPTERS = [f"{name}.html" for name in Book.find(ROOT).notebooks()]
CHAPTER = "book/training/hyperparameter-tuning.html"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
)
# The boxes of a page that may scroll: whether each does, and whether the keyboard stops at it.
SCROLLING = (
    "[...document.querySelectorAll('pre, .table-scroll, .math-scroll, .figure-scroll')]"
    ".filter((box) => box.offsetParent)"
    ".map((box) => ({ scrolls: box.scrollWidth > box.clientWidth + 1, stop: box.tabIndex === 0 }))"
)
# The usual rules of axe that look at colours: the others find by night what they find by day.
COLOURS = ["color-contrast", "link-in-text-block"]
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}

# What a reader would type first, and the page that must come first.
FIRST_QUERIES = {
    "hyperparameter tuning": CHAPTER,
    "Hyperband": "book/training/hyperparameter-tuning-in-practice.html",
    "grid search": CHAPTER,
    "random search": CHAPTER,
    "bayesian optimization": CHAPTER,
    "claims": "book/back/claims.html",
    "how to contribute": "book/back/contributing.html",
    "data": "book/introduction/data.html",
    "data sets": "book/back/data.html",
    "automl": "book/techniques/automl.html",
    "neural architecture search": "book/techniques/nas.html",
    "few-shot learning": "book/techniques/few-shot.html",
    "neural networks": "book/training/neural-networks.html",
    "convolution": "book/training/architectures.html",
    "federated averaging": "book/training/at-scale.html",
    "catastrophic forgetting": "book/training/at-scale-in-practice.html",
    "learning outcomes": "book/back/outcomes.html",
    "glossary": "book/glossary.html",
}


class Quiet(SimpleHTTPRequestHandler):
    """Delivers the site and says nothing."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's own output readable."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    assert PAGES, f"no site in {SITE}: run `make book` first"
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path, "no Chromium: `make system` installs it"
    rules = FLAGS.index("--host-resolver-rules")
    arguments = [*FLAGS[:rules].split(), FLAGS[rules:]]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=arguments)
        yield started
        started.close()


class Watched:
    """A page, and all that it asked for and complained about."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self.hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self.note)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def note(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob"):
            self.requests.append(request.url)

    def open(self, name: str) -> Page:
        self.page.goto(f"{self.address}{name}", wait_until="networkidle")
        return self.page

    def foreign(self) -> list[str]:
        return [url for url in self.requests if not url.startswith(self.address)]


@pytest.fixture
def reader(browser: Browser, address: str) -> Iterator[Callable[..., Watched]]:
    contexts = []

    def start(**options: object) -> Watched:
        context = browser.new_context(**{"viewport": DESK, **options})
        contexts.append(context)
        return Watched(context.new_page(), address)

    yield start
    for context in contexts:
        context.close()


@dataclass(frozen=True)
class Visit:
    """What one page did when it was read from top to bottom, by day, by night, and on a phone."""

    complaints: list[str]
    foreign: list[str]
    first_requests: list[str]
    violations: dict[str, list]
    phone_width: int


def see_all(page: Page) -> None:
    """Scroll through the page, so that everything that loads when it comes near has loaded."""
    page.evaluate(
        "async () => { for (let y = 0; y < document.body.scrollHeight; y += 600)"
        " { scrollTo(0, y); await new Promise((done) => setTimeout(done, 20)); } scrollTo(0, 0); }"
    )
    page.wait_for_load_state("networkidle")


def violations(page: Page, only: list[str] | None = None) -> list:
    """What axe finds by all of its usual rules, or by some of them."""
    chosen = {"runOnly": {"type": "rule", "values": only}} if only else {}
    found = Axe().run(page, options={"resultTypes": ["violations"], **chosen}).response["violations"]
    return [(rule["id"], [node["html"][:200] for node in rule["nodes"]][:3]) for rule in found]


@pytest.fixture(scope="module")
def visit(browser: Browser, address: str) -> Callable[[str], Visit]:
    """Read each page once for all tests."""

    @functools.cache
    def read(name: str) -> Visit:
        context = browser.new_context(viewport=DESK, color_scheme="light")
        watched = Watched(context.new_page(), address)
        page = watched.open(name)
        first = list(watched.requests)
        page.evaluate("document.querySelectorAll('article details').forEach((box) => { box.open = true; })")
        see_all(page)
        found = {"light": violations(page)}
        page.emulate_media(color_scheme="dark")
        found["dark"] = violations(page, only=COLOURS)
        page.set_viewport_size(PHONE)
        width = page.evaluate("document.documentElement.scrollWidth")
        context.close()
        return Visit(watched.complaints, watched.foreign(), first, found, width)

    return read


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_quiet_and_asks_nobody_else(visit: Callable[[str], Visit], name: str) -> None:
    assert visit(name).complaints == []
    assert visit(name).foreign == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_asks_for_little(visit: Callable[[str], Visit], name: str) -> None:
    assert len(visit(name).first_requests) <= 12, visit(name).first_requests


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(visit: Callable[[str], Visit], name: str, scheme: str) -> None:
    assert visit(name).violations[scheme] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_never_scrolls_sideways(visit: Callable[[str], Visit], name: str) -> None:
    assert visit(name).phone_width <= PHONE["width"]


def test_letters_of_figures_are_large_enough_on_a_phone(reader: Callable[..., Watched]) -> None:
    page = reader(viewport={"width": 360, "height": 740}).open(CHAPTER)
    widths = page.evaluate(
        "[...document.querySelectorAll('.figure-scroll > img')].map((picture) => ["
        "picture.clientWidth / picture.getAttribute('width'), picture.closest('figure').clientWidth])"
    )
    assert widths
    assert all(12 * scale >= 9 and frame < 360 for scale, frame in widths)  # 9 pt are 12 px at full size


def test_the_contents_open_and_close_on_a_phone(reader: Callable[..., Watched]) -> None:
    page = reader(viewport=PHONE, java_script_enabled=False).open(CHAPTER)
    contents = page.locator("#contents")
    assert not contents.is_visible()
    page.get_by_role("button", name="Contents of the book").click()
    assert contents.is_visible()
    page.get_by_role("button", name="Close the contents").click()
    assert not contents.is_visible()


def test_a_link_into_a_page_lands_where_it_points(reader: Callable[..., Watched]) -> None:
    watched = reader()
    page = watched.open(CHAPTER)
    links = page.locator("nav.sections a").evaluate_all("(links) => links.map((link) => link.hash)")
    figures = page.locator("article figure[id]").evaluate_all("(boxes) => boxes.map((box) => '#' + box.id)")
    for anchor in (links[-1], links[len(links) // 2], figures[-1]):
        fresh = reader()
        target = fresh.open(f"{CHAPTER}{anchor}").locator(f"[id='{anchor[1:]}']")
        fresh.page.wait_for_timeout(300)
        box = target.bounding_box()
        assert -5 <= box["y"] <= DESK["height"] / 2, (anchor, box)


def ground(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_dark_follows_the_system_without_a_script(reader: Callable[..., Watched]) -> None:
    day = ground(reader(color_scheme="light", java_script_enabled=True).open(CHAPTER))
    night = reader(color_scheme="dark", java_script_enabled=False).open(CHAPTER)
    assert not night.get_by_role("button", name="Dark mode").is_visible()
    assert night.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor") != day


def test_the_readers_choice_of_dark_is_kept(reader: Callable[..., Watched]) -> None:
    watched = reader(color_scheme="light")
    page = watched.open(CHAPTER)
    day = ground(page)
    button = page.get_by_role("button", name="Dark mode")
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    night = ground(page)
    assert night != day
    assert ground(watched.open("book/index.html")) == night
    page.get_by_role("button", name="Dark mode").click()
    assert ground(page) == day


def test_figures_are_turned_over_in_the_dark(reader: Callable[..., Watched]) -> None:
    for scheme, expected in (("light", "none"), ("dark", "invert(1) hue-rotate(180deg)")):
        picture = reader(color_scheme=scheme).open(CHAPTER).locator("article img:not(.photograph)").first
        assert picture.evaluate("(image) => getComputedStyle(image).filter") == expected


def test_code_is_copied(reader: Callable[..., Watched]) -> None:
    page = reader(permissions=["clipboard-read", "clipboard-write"]).open(CHAPTER)
    block = page.locator(".cell_input .highlight").first
    code = block.locator("pre").text_content()
    block.hover()
    block.get_by_role("button", name="Copy this code").click()
    block.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == code.rstrip("\n")


def test_all_hidden_code_is_shown_and_hidden(reader: Callable[..., Watched]) -> None:
    page = reader().open(CHAPTER)
    shut = "document.querySelectorAll('details.hide:not([open])').length"
    hidden = page.evaluate(shut)
    assert hidden > 0
    page.get_by_role("button", name="Show all code").click()
    assert page.evaluate(shut) == 0
    page.get_by_role("button", name="Hide all code").click()
    assert page.evaluate(shut) == hidden


def test_solutions_are_shut_and_open_without_a_script(reader: Callable[..., Watched]) -> None:
    page = reader(java_script_enabled=False).open(CHAPTER)
    solutions = page.locator("details.solution")
    assert solutions.count() >= 1
    first = solutions.first
    assert first.get_attribute("open") is None
    first.locator("summary").click()
    assert first.get_attribute("open") is not None


def test_the_keyboard_skips_to_the_text_and_focus_is_seen(reader: Callable[..., Watched]) -> None:
    page = reader().open(CHAPTER)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the text"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_only_what_scrolls_is_a_stop_for_the_keyboard(reader: Callable[..., Watched]) -> None:
    page = reader().open(CHAPTER)
    page.evaluate("document.querySelectorAll('article details').forEach((box) => { box.open = true; })")
    assert page.evaluate(f"({SCROLLING}).length") > 0
    page.wait_for_function(f"({SCROLLING}).every((box) => box.scrolls === box.stop)", timeout=5_000)


@pytest.mark.parametrize(("query", "name"), FIRST_QUERIES.items())
def test_the_right_page_comes_first(reader: Callable[..., Watched], query: str, name: str) -> None:
    watched = reader()
    page = watched.open("book/preface.html")
    page.keyboard.press("Control+k")
    page.keyboard.type(query)
    whole = page.locator(f".search-results[data-query='{query}']")
    whole.wait_for()
    first = whole.locator("a").first.evaluate("(link) => link.href")
    assert urlsplit(first).path.lstrip("/") == name
    assert watched.foreign() == []


@pytest.mark.parametrize(
    "place", ["article .cell_input pre .n, article .cell_input pre .nn", "figcaption .caption-text"]
)
def test_search_finds_words_of_code_and_of_captions(reader: Callable[..., Watched], place: str) -> None:
    page = reader().open(CHAPTER)
    words = page.locator(place).all_text_contents()
    word = max((part for text in words for part in re.findall(r"[a-z]\w+", text)), key=len)
    page.goto(f"{page.url.rsplit('/book/', 1)[0]}/search.html?q={word}", wait_until="networkidle")
    page.locator(".search-results a").first.wait_for()
    found = page.locator(".search-results a").evaluate_all(
        "(links) => links.map((link) => new URL(link.href).pathname)"
    )
    assert f"/{CHAPTER}" in found


def test_search_answers_to_the_keyboard_and_says_when_there_is_nothing(reader: Callable[..., Watched]) -> None:
    page = reader().open("book/preface.html")
    page.keyboard.press("/")
    page.keyboard.type("hyperparameter")
    page.locator(".search-results a").first.wait_for()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('.search-results') !== null")
    page.keyboard.press("Enter")
    page.wait_for_url("**/hyperparameter-tuning*.html*")
    page.keyboard.press("Control+k")
    page.keyboard.type("xyzzyq")
    page.get_by_text("no results").wait_for()


def test_a_chart_comes_alive_when_it_comes_near(reader: Callable[..., Watched]) -> None:
    watched = reader()
    page = watched.open(CHAPTER)
    chart = page.locator(".chart").first
    assert chart.locator("img").get_attribute("alt")
    assert not [url for url in watched.requests if "vega" in url], "Vega is loaded before a chart is near"
    chart.scroll_into_view_if_needed()
    chart.locator("svg.marks").wait_for()
    assert not chart.locator("img").is_visible()
    control = chart.locator("form.vega-bindings :is(input, select)").first
    before = chart.locator("svg.marks").inner_html()
    control.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(before) => document.querySelector('.chart svg.marks').innerHTML !== before", arg=before, timeout=10_000
    )
    assert watched.complaints == [] and watched.foreign() == []


def test_a_chart_is_a_picture_without_a_script(reader: Callable[..., Watched]) -> None:
    page = reader(java_script_enabled=False).open(CHAPTER)
    picture = page.locator(".chart img").first
    picture.scroll_into_view_if_needed()
    assert picture.is_visible()


def test_the_site_works_below_any_folder_and_from_the_disk(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "er").symlink_to(SITE)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for start in (f"http://127.0.0.1:{server.server_port}/deep/er/", f"file://{SITE}/index.html"):
        context = browser.new_context(viewport=DESK)
        watched = Watched(context.new_page(), "")
        watched.page.goto(start, wait_until="networkidle")
        watched.page.locator("#contents a", has_text="Preface").first.click()
        watched.page.wait_for_url("**/book/preface.html")
        assert watched.page.evaluate("document.fonts.check('16px \"Source Sans 3\"')")
        assert watched.complaints == []
        context.close()
    server.shutdown()


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_printed_page_keeps_its_text_and_drops_the_frame(reader: Callable[..., Watched], name: str) -> None:
    page = reader(color_scheme="dark").open(name)
    page.emulate_media(media="print")
    assert not page.locator("header.bar").is_visible()
    assert not page.locator("#contents").is_visible()
    assert page.locator("h1").is_visible()
    assert ground(page) == "rgb(255, 255, 255)"
