from __future__ import annotations

import base64
import re
import warnings

import pytest
from jinja2 import DictLoader, UndefinedError
from matplotlib.figure import Figure

from longtailor.reporting import page


@pytest.fixture
def template(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = page._environment().overlay()
    assert environment.loader is not None
    base, _, _ = environment.loader.get_source(environment, "page.html")
    body = (
        '{% extends "page.html" %}{% block content %}'
        "[{{ a }}|{{ n | count }}|{{ x | number }}|{{ x | number(1) }}|{{ x | percent }}]"
        "{% endblock %}"
    )
    environment.loader = DictLoader({"page.html": base, "t.html": body})
    monkeypatch.setattr(page, "_environment", lambda: environment)


@pytest.mark.usefixtures("template")
def test_values_are_escaped_and_formatted() -> None:
    text = page.render("t.html", a="<script>&", n=12345, x=0.12345)
    assert "[&lt;script&gt;&amp;|12,345|0.123|0.1|12 %]" in text
    assert "[x|–|–|–|–]" in page.render("t.html", a="x", n=None, x=None)


@pytest.mark.usefixtures("template")
def test_a_page_needs_no_other_file_and_knows_light_and_dark() -> None:
    text = page.render("t.html", a="x", n=1, x=0.5)
    assert "prefers-color-scheme: dark" in text
    assert "&#34;" not in text.partition("</style>")[0]
    assert not re.search(r"(?:https?:)?//[a-z]|<script|<link[^>]+stylesheet|@import|url\(", text)


@pytest.mark.usefixtures("template")
def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        page.render("t.html", n=1, x=0.5)


def test_a_figure_becomes_the_same_address_each_time() -> None:
    def address() -> str:
        figure = Figure()
        figure.subplots().plot([1, 2], label="a & b")
        figure.suptitle("日本 <é>")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return page.figure_data_uri(figure)

    first = address()
    assert first == address()
    kind, _, content = first.partition(",")
    assert kind == "data:image/svg+xml;base64"
    drawing = base64.b64decode(content).decode()
    assert "日本 &lt;é&gt;" in drawing


def test_signed_and_unmeasured_numbers() -> None:
    filters = page._environment().filters
    assert [filters["signed"](value) for value in (0.0123, -0.0004, -0.5, None)] == [
        "+0.012",
        "+0.000",
        "−0.500",
        "–",
    ]
    nan = float("nan")
    assert {filters[name](nan) for name in ("number", "signed", "percent")} == {"–"}
    assert filters["number"](-0.25, 2) == "−0.25"


def test_long_names_break_where_their_parts_meet_and_stay_escaped() -> None:
    text = page._environment().filters["breakable"]("a_b:c=<i>&")
    assert text == "a_<wbr>b:<wbr>c=<wbr>&lt;i&gt;&amp;"
