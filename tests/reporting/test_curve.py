from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from longtailor.reporting.curve import build_curve
from longtailor.studies.results import Curve, Saving

ReadPage = Callable[[str], Any]


@pytest.fixture(scope="module")
def page(curve: Curve, identity: dict[str, Any], read_page: ReadPage) -> Any:
    return read_page(build_curve(curve, {**identity, "command": "curve"}))


def test_the_page_opens_offline_and_escapes_what_it_shows(page: Any, curve: Curve) -> None:
    assert all(address.startswith("data:") for address in page.addresses)
    assert not page.tags & {"script", "b", "i", "u", "much"}
    assert curve.headline in page.text
    assert "few <u>products</u>" in page.text
    assert "neck:<halter> (1)" in page.text
    assert "ran out of <i>luck</i>" in page.text
    assert "sleeve:<script>alert(1)</script>" in page.text
    assert "longtailor curve 'my <shop>/products.csv'" in page.text
    assert not re.search(r"\b(?:nan|None|inf)\b", page.text)


def test_each_metric_and_each_label_is_a_plot_with_a_table(page: Any, curve: Curve) -> None:
    plots = [alt for alt in page.alts if "against" in alt]
    assert len(plots) == 4 + len(curve.labels)
    text = " ".join(page.text.split())
    for name in curve.objectives:
        for one in [*curve.estimates[name]["map_tail"], *curve.labels[1].estimates[name]]:
            assert f"{one.mean:.3f}{one.low:.3f} to {one.high:.3f}" in text


def test_what_lies_beyond_the_budgets_is_said_to_be_more(page: Any) -> None:
    text = " ".join(page.text.split())
    assert "140101 to 210" in text
    assert "290180 to more than 300" in text
    assert "more than 300more than 300" in text


def test_less_than_the_smallest_budget_and_nothing_to_compare(
    curve: Curve, identity: dict[str, Any], read_page: ReadPage
) -> None:
    savings = [Saving("inverse_frequency", "none", "map", 30, 0.0, 0.0, 40.0)]
    text = read_page(
        build_curve(replace(curve, savings=savings, labels=[], failures=[]), identity)
    ).text
    assert "fewer than 15fewer than 15 to 40" in " ".join(text.split())
    assert not re.search(r"\b(?:nan|None|inf)\b", text)
    assert "If a label had fewer positives" not in text
    assert "Fits that failed" not in text
