"""Names in reports are text, whatever they read."""

from __future__ import annotations

import base64
import html.parser
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.usefixtures("light_encoder")

HARMLESS = {
    "details", "summary", "section",
    "html", "head", "meta", "link", "title", "style", "body", "main", "h1", "h2", "h3", "h4", "p",
    "a", "strong", "em", "span", "code", "pre", "q", "wbr", "br", "dl", "div", "dt", "dd",
    "table", "caption", "thead", "tbody", "tr", "th", "td", "ul", "ol", "li", "figure",
    "figcaption", "img",
}  # fmt: skip


class Page(html.parser.HTMLParser):
    """The elements of a page, its addresses, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        self.text = "".join(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("src", "href", "action", "formaction", "srcset", "data"):
                self.addresses.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def assert_harmless(path: Path) -> Page:
    page = Page(path.read_text())
    assert page.tags <= HARMLESS, page.tags - HARMLESS
    assert not [name for name in page.attributes if name.startswith("on")]
    for address in page.addresses:
        assert re.match(r"data:(image/(jpeg|png|svg\+xml);base64,|,$)|#", address), address[:80]
        if address.startswith("data:image/svg+xml"):
            drawing = base64.b64decode(address.partition(",")[2])
            for one in ElementTree.fromstring(drawing).iter():
                name = one.tag.rpartition("}")[2]
                assert name not in ("script", "foreignObject", "a", "animate", "set")
                for attribute, value in one.attrib.items():
                    assert not attribute.startswith("on")
                    if attribute.endswith("href"):
                        assert value.startswith(("#", "data:image/png;base64,")), value[:80]
    return page


def test_names_in_pages_are_text(
    evil_shop: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    command("inspect", evil_shop, "--out", tmp_path / "inspection", "--label-errors")
    command("fit", evil_shop, "--out", tmp_path / "run", "--min-positives", "1")
    options = ("--objectives", "none,inverse_frequency", "--seeds", "2", "--min-positives", "1")
    command("compare", evil_shop, "--out", tmp_path / "study", *options)
    command("curve", evil_shop, "--out", tmp_path / "curve", *options, "--budgets", "0.5,1")
    for name in (
        "inspection/inspection.html",
        "run/report.html",
        "study/comparison.html",
        "curve/curve.html",
    ):
        page = assert_harmless(tmp_path / name)
        if "curve" not in name:
            for label in ("<script>alert(1)</script>", "=1+1:", "{{ 7 * 7 }}", "$\\frac{\\input"):
                assert label in page.text, (name, label)
