"""The site builds without a warning, and every address in it leads somewhere."""

from __future__ import annotations

import html.parser
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

pytest.importorskip("zensical")

ROOT = Path(__file__).parents[2]


class Page(html.parser.HTMLParser):
    """What a page can be entered at, and where it leads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif "src" in found:
            self.loaded.append(found["src"])
        elif tag == "link" and found.get("rel") != "canonical":
            self.loaded.append(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "zensical.toml", folder)
    for name in ("docs", "src", "examples"):
        shutil.copytree(ROOT / name, folder / name)
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "-f", folder / "zensical.toml"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert "Warning" not in built.stdout + built.stderr
    return folder / "site"


def test_every_address_leads_somewhere(site: Path) -> None:
    pages = {path: Page(path) for path in site.rglob("*.html")}
    assert len(pages) > 40
    wrong = []
    for path, page in pages.items():
        base = site if path.name == "404.html" else path.parent
        for link in page.links + page.loaded:
            address, anchor = urldefrag(link)
            if address.startswith(("https:", "mailto:", "data:")):
                continue
            target = (base / unquote(address).lstrip("/")).resolve() if address else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or not target.is_relative_to(site.resolve()):
                wrong.append(f"{path.name}: {link} is not there")
            elif anchor and target in pages and unquote(anchor) not in pages[target].anchors:
                wrong.append(f"{path.name}: {link} has no such place")
    assert not wrong


def test_files_are_shown_in_pages(site: Path) -> None:
    shown = (site / "reference" / "examples.html").read_text(encoding="utf-8")
    assert "--8" not in shown
    assert shown.count("InferenceSession") == 1


def test_it_opens_without_a_network(site: Path) -> None:
    for path in site.rglob("*.html"):
        for address in Page(path).loaded:
            assert not address.startswith(("http:", "https:", "//")), (path.name, address)
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert "url(http" not in text
        assert "@import" not in text


def test_every_page_of_the_docs_is_in_the_navigation() -> None:
    def pages(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        below = entry.values() if isinstance(entry, dict) else entry
        return [page for one in below for page in pages(one)]  # type: ignore[attr-defined]

    nav = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    written = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(pages(nav)) == sorted(written)
