"""System packages (TeX, Chromium, Java): installed from `apt.txt` where that needs no password."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from bookbuild.paths import Book


def absent(packages: list[str]) -> list[str]:
    """The packages that Debian's package database does not hold as installed."""
    command = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *packages]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    installed = {line.split()[0] for line in listed.splitlines() if line.split()[-1] == "ii"}
    return [package for package in packages if package not in installed]


def prefix() -> list[str] | None:
    """How to become root without a password; None where that cannot be."""
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def install(book: Book) -> int:
    """Install what is absent. Where it cannot, the build itself says later what the PDF lacks."""
    if not shutil.which("apt-get"):
        return 0
    wanted = absent((book.root / "apt.txt").read_text("utf8").split())
    root = prefix()
    if not wanted or root is None:
        return 0
    print(f"system packages: installing {', '.join(wanted)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *wanted]):
        result = subprocess.run(
            [*root, "apt-get", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        if result.returncode:
            last = (result.stderr.strip().splitlines() or ["no message"])[-1]
            print(f"system packages: apt-get {arguments[0]} failed: {last}", file=sys.stderr)
            return 0
    return 0
