from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from longtailor.catalog import Catalog
from longtailor.catalog.inspection import Inspection, inspect_catalog
from longtailor.catalog.leaks import image_hashes
from longtailor.errors import LongtailorError
from longtailor.labels import Bands
from longtailor.reporting.inspection import print_inspection, write_inspection

EVIL = "<script>alert(1)</script>"


def inspected(folder: Path, labels: int = 6) -> Inspection:
    rows = ["id,text,labels"]
    for i in range(200):
        tags = [f"kind:value {label}" for label in range(labels) if i % (label + 1) == 0]
        rows.append(f"{i},t{i},{'|'.join([*tags, f'odd:{EVIL}'] if i % 2 else tags)}")
    (folder / "p.csv").write_text("\n".join(rows) + "\n")
    catalog = Catalog.read(folder / "p.csv")
    hashes = image_hashes(catalog.images)
    return inspect_catalog(catalog, bands=Bands(50, 10), hashes=hashes)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_offline_and_escaped(tmp_path: Path) -> None:
    write_inspection(inspected(tmp_path), tmp_path / "out")
    text = (tmp_path / "out" / "inspection.html").read_text(encoding="utf-8")
    page = Tags()
    page.feed(text)
    assert page.open == []
    names = [tag for tag, _ in page.seen]
    assert "script" not in names
    assert f"odd:{EVIL}" in page.text
    for tag, attributes in page.seen:
        for name in ("src", "href"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:"), (tag, value)
    assert names.count("tr") > 7


def test_every_label_stands_on_the_page(tmp_path: Path) -> None:
    found = inspected(tmp_path, labels=60)
    write_inspection(found, tmp_path)
    page = Tags()
    page.feed((tmp_path / "inspection.html").read_text(encoding="utf-8"))
    for label in found.catalog.space.labels:
        assert label in page.text


def printed(found: Inspection, width: int) -> str:
    stream = io.StringIO()
    print_inspection(found, Console(file=stream, width=width, highlight=False))
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_summary_fits_any_terminal(tmp_path: Path, width: int) -> None:
    text = printed(inspected(tmp_path), width)
    assert max(map(len, text.splitlines())) <= width
    assert "Attributes" in text


def test_a_long_tail_is_cut_in_the_middle_and_said_to_be(tmp_path: Path) -> None:
    found = inspected(tmp_path, labels=60)
    text = printed(found, 100)
    assert "... 21 labels between ..." in text
    assert "kind:value 0 " in text
    assert "kind:value 59 " in text
    assert len(re.findall(r"^(?:kind|odd):\S.*(?:head|medium|tail) ", text, re.MULTILINE)) == 40


@pytest.mark.parametrize("width", [45, 80])
def test_figures_are_never_cut(tmp_path: Path, width: int) -> None:
    path = tmp_path / "p.csv"
    name = "a rather long attribute"
    rows = [f"t,{'puff' if i % 10 else 'cap'} with a long name,train" for i in range(12345)]
    path.write_text(f"text,{name},split\n" + "\n".join([*rows, "t,-,val"]) + "\n")
    text = printed(inspect_catalog(Catalog.read(path)), width)
    assert re.search(r"head .* 11,110 +0 +0 *$", text, re.MULTILINE)
    assert "a rather" in text
    assert re.search(r" 12,346 +0 +no *$", text, re.MULTILINE)


def test_brackets_in_names_are_no_markup(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("text,a\nfoo,[red]x[/red]\nbar,[/]\nbaz,[red]x[/red]\n")
    found = inspect_catalog(Catalog.read(tmp_path / "p.csv"))
    text = printed(found, 100)
    assert "a:[red]x[/red]" in text
    assert "a:[/]" in text


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LongtailorError, match="cannot write"):
        write_inspection(inspected(tmp_path), tmp_path / "file")
