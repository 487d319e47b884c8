"""What a page says about itself: its description, when it last changed, and where its source lives."""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from docutils import nodes

PRIVATE = (".local", ".internal", ".lan")
DESCRIPTION_LENGTH = 158
SKIPPED = (nodes.Admonition, nodes.figure, nodes.table, nodes.footnote, nodes.definition_list, nodes.topic)
SSH = re.compile(r"^(?:ssh://)?git@([\w.-]+)(?::\d+/|[:/])(.+)$")


def description(doctree: nodes.document) -> str:
    """The opening paragraph of a page, cut at a word to the length that search engines show."""
    for paragraph in doctree.findall(nodes.paragraph):
        parents = [paragraph.parent]
        while parents[-1] is not None:
            parents.append(parents[-1].parent)
        if any(isinstance(parent, SKIPPED) for parent in parents) or "run-line" in paragraph.get("classes", []):
            continue
        text = " ".join(paragraph.astext().split())
        if len(text) >= 30:
            return shortened(text)
    return ""


def shortened(text: str) -> str:
    if len(text) <= DESCRIPTION_LENGTH:
        return text
    return text[:DESCRIPTION_LENGTH].rsplit(" ", 1)[0].rstrip(",;:(") + "…"


def git(root: Path, *arguments: str) -> str:
    """What git says; nothing where there is no git or no repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def last_changed(root: Path) -> dict[str, str]:
    """The day of the last commit of every page, by path from the root."""
    days: dict[str, str] = {}
    day = ""
    history = git(root, "-c", "core.quotePath=false", "log", "--format=@%cs", "--name-only", "--", "book")
    for line in history.splitlines():
        if line.startswith("@"):
            day = line[1:]
        elif line:
            days.setdefault(line, day)
    return days


@dataclass(frozen=True)
class Repository:
    """Where the book's sources can be read and changed, and how its host spells the addresses."""

    url: str
    branch: str

    @property
    def gitlab(self) -> bool:
        return "gitlab" in urlsplit(self.url).netloc

    def edit(self, path: str) -> str:
        return f"{self.url}/{'-/' if self.gitlab else ''}edit/{quote(self.branch)}/{quote(path)}"

    def issue(self, title: str) -> str:
        if self.gitlab:
            return f"{self.url}/-/issues/new?issue[title]={quote(title)}"
        return f"{self.url}/issues/new?title={quote(title)}"

    def launch(self, path: str) -> str:
        """The address at which Binder opens a page as a notebook; none where Binder cannot reach the host."""
        host, _, name = self.url.removeprefix("https://").partition("/")
        opened = f"?urlpath={quote('lab/tree/' + path, safe='')}"
        branch = quote(self.branch, safe="")
        if host == "github.com":
            return f"https://mybinder.org/v2/gh/{name}/{branch}{opened}"
        if host == "gitlab.com":
            return f"https://mybinder.org/v2/gl/{quote(name, safe='')}/{branch}{opened}"
        return ""


def public_address(remote: str) -> str:
    """The https address of a remote, without user or password; empty when it is not a public host."""
    remote = remote.strip()
    ssh = SSH.match(remote)
    parts = urlsplit(f"https://{ssh.group(1)}/{ssh.group(2)}" if ssh else remote)
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http", "ssh") or "." not in host or host.endswith(PRIVATE):
        return ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        path = parts.path.strip("/").removesuffix(".git")
        return f"https://{host}/{path}" if path else ""
    return ""


def repository(root: Path, configured: str = "") -> Repository | None:
    """The book's repository: as configured, else `BOOK_REPOSITORY_URL`, else git's remote; `None` when unknown."""
    remote = configured or os.environ.get("BOOK_REPOSITORY_URL") or git(root, "remote", "get-url", "origin")
    url = public_address(remote)
    return Repository(url, os.environ.get("BOOK_REPOSITORY_BRANCH") or "main") if url else None
