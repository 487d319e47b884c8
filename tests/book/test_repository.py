"""The files around the book: workflows, templates, hooks, Binder, citation; and the scripts that workflows run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / ".github" / "scripts"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def script(name: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPTS / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def workflow(name: str) -> dict:
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text("utf8"))


def steps(data: dict) -> list[dict]:
    return [step for job in data["jobs"].values() for step in job["steps"]]


def test_loosened_pins_keep_names_extras_and_order(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("# --- the book\njupyter-book==1.0.4\nray[tune]==2.55.1\ntqdm\n")
    assert script("newest.py", "loosen", str(path)).returncode == 0
    assert path.read_text() == "# --- the book\njupyter-book>=1.0.4,<2\nray[tune]>=2.55.1\ntqdm\n"


def test_every_pin_of_the_book_is_loosened(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text((ROOT / "requirements.txt").read_text())
    script("newest.py", "loosen", str(path))
    assert not [line for line in path.read_text().splitlines() if "==" in line.partition(";")[0]]


def test_moved_versions_are_listed(tmp_path: Path) -> None:
    pinned, installed = tmp_path / "pinned.txt", tmp_path / "installed.txt"
    pinned.write_text("numpy==2.0\npandas==2.3\nmyst-nb==1.4\nelsewhere==1.0; sys_platform != 'linux'\n")
    installed.write_text("numpy==2.1\npandas==2.3\nmyst_nb==1.5\n")
    out = script("newest.py", "moved", str(pinned), str(installed)).stdout
    assert "| numpy | 2.0 | 2.1 |" in out and "| myst-nb | 1.4 | 1.5 |" in out and "pandas" not in out
    assert "elsewhere" not in out
    assert "No pinned version" in script("newest.py", "moved", str(pinned), str(pinned)).stdout
    assert script("newest.py").returncode == 2


def test_broken_links_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "output.json"
    good = {"filename": "a.md", "lineno": 1, "status": "working", "uri": "https://example.org/", "info": ""}
    bad = {**good, "lineno": 7, "status": "broken", "uri": "https://example.org/gone", "info": "404"}
    path.write_text("\n".join(json.dumps(entry) for entry in (good, bad)))
    assert script("broken_links.py", str(path)).stdout == "- a.md:7: https://example.org/gone: 404\n"
    path.write_text(json.dumps(good))
    assert script("broken_links.py", str(path)).stdout == "Every external link answers.\n"
    missing = script("broken_links.py", str(tmp_path / "none.json"))
    assert missing.returncode == 0 and "did not run to its end" in missing.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_pin_actions_and_need_nothing_that_is_missing(path: Path) -> None:
    data = yaml.safe_load(path.read_text("utf8"))
    assert data["permissions"] == {"contents": "read"}
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf8"), re.M))
    for step in steps(data):
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]), step["uses"]
        run = step.get("run", "")
        assert set(re.findall(r"\bmake ([a-z]+)", run)) <= targets
        for name in re.findall(r"\.github/scripts/\w+\.py", run):
            assert (ROOT / name).exists(), name
        # a value that somebody else may choose goes through the environment, never into the command
        assert not re.search(r"\$\{\{\s*github\.(?:event|head_ref|base_ref)", run), run


def test_pull_requests_are_built_tested_and_shown() -> None:
    data = workflow("pull-request")
    runs = [step.get("run", "") for step in steps(data)]
    assert "pull_request" in data[True] and "make book" in runs and "make test" in runs
    assert any("changed-pages" in run and "GITHUB_STEP_SUMMARY" in run for run in runs)
    (kept,) = [step for step in steps(data) if "upload-artifact" in step.get("uses", "")]
    assert kept["with"]["path"] == "_build/html"
    assert data["jobs"]["book"]["env"]["MLDEV_STRICT"] == "1"


def test_publishing_waits_for_the_tests() -> None:
    data = workflow("publish")
    assert data[True]["push"] == {"branches": ["main"]}
    build = [step.get("run") or step["uses"].split("@")[0] for step in data["jobs"]["build"]["steps"]]
    assert build.index("make book") < build.index("make test") < build.index("actions/upload-pages-artifact")
    assert data["jobs"]["deploy"]["needs"] == "build"


@pytest.mark.parametrize("name", ["newest", "links"])
def test_watching_workflows_make_no_noise(name: str) -> None:
    data = workflow(name)
    assert "pull_request" not in data[True] and "schedule" in data[True]
    watched = [step for step in steps(data) if re.search(r"make \w+|linkcheck|scripts/", step.get("run", ""))]
    noisy = [step["name"] for step in watched if not step.get("continue-on-error") and "loosen" not in step["run"]]
    assert len(watched) >= 3 and noisy == []


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*-*.yml")), ids=lambda p: p.stem)
def test_issue_forms_are_complete(path: Path) -> None:
    form = yaml.safe_load(path.read_text("utf8"))
    assert form["name"] and form["description"]
    for field in form["body"]:
        assert field["type"] in {"input", "textarea", "dropdown", "checkboxes", "markdown"}
        assert field["id"] and field["attributes"]["label"]
    assert any(field.get("validations", {}).get("required") for field in form["body"])


def test_hooks_run_in_the_books_own_environment() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf8"))
    (repository,) = hooks["repos"]
    assert repository["repo"] == "local"
    assert all(hook["language"] == "system" and hook["entry"].startswith(".venv/bin/") for hook in repository["hooks"])
    commands = " ".join(hook["entry"] for hook in repository["hooks"])
    assert all(name in commands for name in ("ruff check", "ruff format", "codespell", "bookbuild check"))


def test_hooks_refuse_a_planted_fault(tmp_path: Path) -> None:
    """pre-commit itself, on a small repository with the book's own hooks for style and spelling."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf8"))
    config["repos"][0]["hooks"] = [hook for hook in config["repos"][0]["hooks"] if hook["id"] != "book"]
    (tmp_path / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    (tmp_path / "good.py").write_text('"""A module."""\n')
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    command = [sys.executable, "-m", "pre_commit", "run", "--files"]
    environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home")}

    def hooks(name: str) -> subprocess.CompletedProcess:
        subprocess.run(["git", "-C", str(tmp_path), "add", "*.py"], check=True)
        return subprocess.run(
            [*command, name], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    good = hooks("good.py")
    assert good.returncode == 0, good.stdout + good.stderr
    (tmp_path / "bad.py").write_text(
        '"""A modul' + "e that is mispel" + 'led."""\nfrom nowhere import *\nx = undefined\n'
    )
    bad = hooks("bad.py")
    assert bad.returncode == 1
    assert re.search(r"code style\.*Failed", bad.stdout) and re.search(r"spelling\.*Failed", bad.stdout)


def test_binder_installs_the_pinned_packages_and_the_book() -> None:
    folder = ROOT / ".binder"
    lines = (folder / "requirements.txt").read_text("utf8").split("\n")
    assert "-r ../requirements.txt" in lines and (folder / "../requirements.txt").resolve().exists()
    assert (folder / "runtime.txt").read_text("utf8").strip() == "python-3.11"
    post = folder / "postBuild"
    assert os.access(post, os.X_OK) and post.read_text("utf8").startswith("#!/bin/bash\n")
    assert subprocess.run(["bash", "-n", str(post)], check=False).returncode == 0


def test_jupyterlab_opens_chapters_as_notebooks(tmp_path: Path) -> None:
    """The command of postBuild, run on a settings file of its own."""
    (line,) = [x for x in (ROOT / ".binder" / "postBuild").read_text("utf8").splitlines() if "set-default-viewer" in x]
    settings = tmp_path / "default_setting_overrides.json"
    _, *arguments = line.split()
    command = [str(Path(sys.executable).parent / "jupytext-config"), "--settings-file", str(settings), *arguments]
    subprocess.run(command, check=True, capture_output=True)
    viewers = json.loads(settings.read_text())["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"]
    assert viewers["myst"] == viewers["markdown"] == "Jupytext Notebook"


def test_citation_file_says_what_the_book_is() -> None:
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
    assert cff["title"] == config["title"]
    assert [author["name"] for author in cff["authors"]] == [config["author"]]
    version = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text("utf8"), re.M)
    assert version and cff["version"] == version.group(1)
    assert cff["license"] == "MIT" and (ROOT / "LICENSE").read_text("utf8").startswith("MIT License")


def test_readme_names_commands_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf8"), re.M))
    for name in ("README.md", "CONTRIBUTING.md", "book/preface.md"):
        text = (ROOT / name).read_text("utf8")
        assert set(re.findall(r"`make ([a-z]+)|^\s*make ([a-z]+)", text, re.M)), name
        assert {a or b for a, b in re.findall(r"`make ([a-z]+)|^\s*make ([a-z]+)", text, re.M)} <= targets, name
