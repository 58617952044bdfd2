"""Every block of code in the docs runs, or says why it does not.

Blocks of Python and of commands run in the order of their page, in a folder with a small drawn
catalogue and a run. Those that name the real catalogues under ../shared are skipped, and those
after `<!-- not run: why -->` too; the options of their commands are checked all the same.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
import typer
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from longtailor.cli.main import app
from longtailor.objectives import names
from longtailor.samples import draw_catalog

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = ("longtailor", "python", "pip", "make", "curl")
PRODUCTS = 120
NOT_RUN = re.compile(r"<!-- not run: (.+) -->")


@dataclass(frozen=True)
class Block:
    """A block of code: where it stands, what it holds, and why it is not run, if it is not."""

    page: Path
    line: int
    code: str
    is_python: bool
    why_not: str | None

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command."""
        lines = self.code.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks_of(page: Path) -> Iterator[Block]:
    before = None
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block") and (kind := _kind(token)):
            marked = NOT_RUN.match(before.content) if before is not None else None
            why_not = marked.group(1) if marked else None
            if why_not is None and "../shared" in token.content:
                why_not = "it needs the real catalogues under ../shared"
            yield Block(page, (token.map or [0])[0] + 1, token.content, kind == "python", why_not)
        before = token if token.type == "html_block" else None


def _kind(token: Any) -> str | None:
    if token.info:
        return {"python": "python", "bash": "bash"}.get(token.info.split()[0])
    return "bash" if token.content.split(maxsplit=1)[0] in COMMANDS else None


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


WITH_CODE = [page for page in PAGES if list(blocks_of(page))]
OBJECTIVES = [
    page for page in WITH_CODE if page.parent.name == "objectives" and page.stem in names()
]
GUIDES = [page for page in WITH_CODE if page not in OBJECTIVES]


@pytest.mark.parametrize("page", WITH_CODE, ids=named)
def test_every_command_is_one(page: Path) -> None:
    for block in blocks_of(page):
        if block.is_python:
            compile(block.code, f"{page}:{block.line}", "exec")
            continue
        for command in block.commands:
            try:
                check(command)
            except Exception as error:
                raise AssertionError(
                    f"line {block.line}: {shlex.join(command)}: {error}"
                ) from error


def check(command: list[str]) -> None:
    """Require that a command, its options and its files exist."""
    # An option in brackets may be left out.
    program, *arguments = [word.strip("[]") if word[0] in "[-" else word for word in command]
    match program:
        case "longtailor":
            group: Any = typer.main.get_command(app)
            if arguments != ["--help"]:
                group.commands[arguments[0]].make_context(arguments[0], arguments[1:])
        case "python":
            script = (ROOT / arguments[0]).read_text()
            for option in arguments[1:]:
                assert not option.startswith("--") or f'"{option}"' in script, option
        case "pip":
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
                "optional-dependencies"
            ]
            for extra in re.findall(r"\[([\w,]+)\]", " ".join(arguments)):
                assert set(extra.split(",")) <= set(extras), extra
        case "make":
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.M)
            assert arguments[0] in targets
        case "curl":
            assert shutil.which("curl")
        case _:
            raise AssertionError("no command that is known here; mark the block as ```text")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with what the pages take for granted: catalogues, photos, a run."""
    root = tmp_path_factory.mktemp("workshop")
    folder = root / "shop"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LONGTAILOR_CACHE", str(root / "cache"))
        patch.chdir(folder)
        draw_catalog(folder, products=PRODUCTS, seed=0)
        table = pl.read_csv("products.csv", infer_schema=False).fill_null("")
        lacking = pl.int_range(pl.len()) % 4 == 1
        table.with_columns(
            pl.when(lacking).then(pl.lit("")).otherwise("sleeve").alias("sleeve")
        ).write_csv("products.csv")
        for name in ("catalog.csv", "other.csv", "new.csv"):
            table.write_csv(name)
        table.select(
            "id", "image", pl.concat_str("colour", "garment", separator=" ").alias("text"), "sleeve"
        ).write_csv("texts.csv")
        pl.DataFrame(
            {
                "text": [f"{mood} {n}" for n in range(30) for mood in ("glad", "sad", "angry")],
                "labels": ["emotion:joy", "emotion:sadness", "emotion:anger"] * 30,
            }
        ).write_csv("tweets.csv")
        for at, name in enumerate(("a.jpg", "b.jpg", "photo.jpg")):
            shutil.copy(sorted((folder / "images").iterdir())[at], name)
        shutil.copytree("images", "new-photos")
        call(["fit", "products.csv", "--out", "run", "--objective", "none"])
        yield root


def call(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    if result.exit_code:
        error = result.exception if not isinstance(result.exception, SystemExit) else None
        raise AssertionError(f"status {result.exit_code}: {result.stderr}") from error


def smaller(arguments: list[str]) -> list[str]:
    """Add the options that make a command small; of an option given twice the last counts."""
    match arguments[0]:
        case "demo":
            return [*arguments, "--products", "96"]
        case "compare" | "curve":
            few = [] if "--objectives" in arguments else ["--objectives", "none,inverse_frequency"]
            arguments = [*arguments, "--seeds", "1", *few]
            if "--budgets" in arguments:
                arguments += ["--budgets", "1" if "--finetune" in arguments else "0.5,1"]
            if "--positives" in arguments:
                # Of puff sleeves the small catalogue has two.
                arguments += ["--labels", "sleeve:short", "--positives", "3,6"]
    if "--finetune" in arguments:
        arguments = [*arguments, "--epochs", "1", "--time-budget", "1m"]
        if "tweets.csv" not in arguments:
            arguments += ["--image-size", "32"]
    return arguments


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("page", GUIDES, ids=named)
def test_blocks_run(
    page: Path, workshop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Links of the images themselves: those of a folder would lead out of the images folder.
    shutil.copytree(workshop / "shop", tmp_path, copy_function=os.link, dirs_exist_ok=True)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LONGTAILOR_CACHE", str(workshop / "cache"))
    if page.name == "text.md":
        (tmp_path / "texts.csv").replace(tmp_path / "products.csv")
    port = free_port()
    namespace: dict[str, Any] = {"__name__": "docs"}
    servers: list[subprocess.Popen[str]] = []
    try:
        for block in blocks_of(page):
            if block.why_not is not None:
                continue
            block = replace(block, code=block.code.replace(":8000", f":{port}"))
            try:
                if block.is_python:
                    exec(compile(block.code, f"{page}:{block.line}", "exec"), namespace)
                else:
                    for command in block.commands:
                        run(command, servers, port)
            except Exception as error:
                raise AssertionError(f"{named(page)}, line {block.line}: {error}") from error
    finally:
        for server in servers:
            stop(server)


def run(command: list[str], servers: list[subprocess.Popen[str]], port: int) -> None:
    program, *arguments = command
    if program == "longtailor" and arguments[0] == "serve":
        if servers:
            stop(servers.pop())
        code = "from longtailor.cli.main import main; main()"
        words = [sys.executable, "-c", code, *arguments, "--port", str(port)]
        servers.append(subprocess.Popen(words, text=True))
        wait_for(servers[0], port)
    elif program == "longtailor" and arguments != ["--help"]:
        call(smaller([word.strip("[]") if word[0] in "[-" else word for word in arguments]))
    elif program == "curl" or (program == "python" and arguments[0].startswith("examples/")):
        words = [sys.executable, *arguments] if program == "python" else command
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for(server: subprocess.Popen[str], port: int) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert server.poll() is None, "the service stopped"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the service did not start")


def stop(server: subprocess.Popen[str]) -> None:
    server.terminate()
    assert server.wait(60) == 0


@pytest.mark.parametrize("page", OBJECTIVES, ids=named)
def test_objectives_run(page: Path) -> None:
    random = torch.Generator().manual_seed(0)
    namespace: dict[str, Any] = {
        "logits": torch.randn(8, 2, generator=random),
        "targets": torch.randint(-1, 2, (8, 2), generator=random).float(),
    }
    for block in blocks_of(page):
        if block.is_python and block.why_not is None:
            exec(compile(block.code, f"{page}:{block.line}", "exec"), namespace)
            assert namespace["loss"].isfinite()
