from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from longtailor.reporting.comparison import FEWEST_POSITIVES, PHOTOS, RAREST, build_comparison
from longtailor.studies.results import Comparison, Estimate


@pytest.fixture(scope="module")
def text(comparison: Comparison) -> str:
    return build_comparison(comparison, {"command": "compare", "catalog": "a", "configuration": {}})


def table_after(text: str, heading: str) -> str:
    return text.partition(heading)[2].partition("<table")[2].partition("</table>")[0]


def rows(table: str) -> list[list[str]]:
    """Give the text of each cell of each row."""
    return [
        [
            " ".join(html.unescape(re.sub(r"<[^>]+>", "", cell)).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.S)
        ]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, flags=re.S)
    ]


def test_the_page_opens_offline_and_escapes_what_it_shows(
    comparison: Comparison, text: str, read_page: Callable[[str], Any]
) -> None:
    page = read_page(text)
    assert len(page.addresses) > 30
    assert all(address.startswith("data:") for address in page.addresses)
    assert not page.tags & {"script", "iframe", "object", "embed", "b", "i", "u", "halter", "none"}
    assert not re.search(r"https?://|@import|url\((?!data:)", text)
    for drawing in page.drawings:
        assert not re.search(r"<image|<script|href=\"(?!#|data:)", drawing)
    for label in comparison.together.catalog.space.labels:
        assert label in page.text
    assert comparison.headline in page.text
    assert "label <u>x</u> is odd" in page.text
    assert "neck:<halter> (1)" in page.text
    assert "240 of the 300 annotated products" in page.text
    assert "the fit did not <b>converge</b>" in page.text
    assert "our own reading of the abstract of arXiv 2305.04379" in page.text
    assert not re.search(r"\b(?:nan|None|inf)\b", page.text)


def test_the_figures_stand_in_the_table(comparison: Comparison, text: str) -> None:
    found = {row[0]: row[1:] for row in rows(table_after(text, "<h2>All figures"))[1:]}
    for title, metric in (
        ("mean average precision", "map"),
        ("macro F1 at 0.5, tail", "f1_macro_tail_at_half"),
        ("calibration error (lower is better)", "ece"),
    ):
        for name, cell in zip(comparison.objectives, found[title], strict=True):
            estimate = comparison.together.figures.estimates[name][metric]
            assert cell.replace("*", "") == (
                f"{estimate.mean:.3f}{estimate.low:.3f} to {estimate.high:.3f}"
            )


def test_a_star_marks_what_differs_from_the_first_after_the_correction(
    comparison: Comparison, text: str
) -> None:
    row = next(row for row in rows(table_after(text, "<h2>All figures")) if row[0].endswith("0.5"))
    significant = {
        one.b
        for one in comparison.together.figures.paired
        if one.a == comparison.objectives[0]
        and one.metric == "f1_macro_at_half"
        and one.p_adjusted < 0.05
    }
    assert significant
    assert {
        name for name, cell in zip(comparison.objectives, row[1:], strict=True) if "*" in cell
    } == significant


def test_the_heat_map_has_every_label_with_its_counts_most_positives_first(
    comparison: Comparison, text: str
) -> None:
    scope = comparison.together
    found = rows(table_after(text, "<h2>Label by label"))[1:]
    order = np.argsort(-scope.positives, kind="stable")
    assert [row[0] for row in found] == [scope.catalog.space.labels[i] for i in order]
    assert [row[1] for row in found] == [str(scope.positives[i]) for i in order]
    first = found[0][4]
    expected = f"{scope.labels[0].difference[order[0]]:+.3f}".replace("-", "−")
    assert first.removesuffix("*") == expected


def test_all_pairs_are_in_the_table(comparison: Comparison, text: str) -> None:
    found = rows(table_after(text, "All pairs in figures"))
    pairs = [row for row in found[1:] if len(row) == 6]
    assert len(pairs) == len(comparison.together.figures.paired)


def test_attributes_stand_together_and_alone(comparison: Comparison, text: str) -> None:
    found = rows(table_after(text, "<h2>By attribute"))
    alone = comparison.separately["neck"].figures.estimates["none"]["map"].mean
    at = next(place for place, row in enumerate(found) if row[0].startswith("neck"))
    assert found[at + 1][0] == "mean average precisiontogether"
    assert found[at + 2][0] == "mean average precisionalone"
    assert found[at + 2][1].startswith(f"{alone:.3f}")


def test_examples_are_shown_both_ways_round(
    comparison: Comparison, text: str, read_page: Callable[[str], Any]
) -> None:
    part = text.partition("What one finds and the other misses")[2].partition("<h2>")[0]
    sections = part.split('<section class="example">')[1:]
    assert 0 < len(sections) <= RAREST
    catalog = comparison.together.catalog
    matrix = catalog.matrix[catalog.in_split("test")]
    others = {
        name: comparison.together.figures.estimates[name]["f1_macro"].mean
        for name in comparison.objectives[1:]
    }
    best = max(others, key=lambda name: others[name])
    assert f"<code>{best}</code>" in part
    shown = 0
    for section in sections:
        found = read_page(section)
        label = next(i for i, name in enumerate(catalog.space.labels) if name in found.text)
        assert (matrix[:, label] == 1).sum() >= FEWEST_POSITIVES
        assert found.text.count("Found by") == 2
        sides = section.split("Found by")[1:]
        finds = {
            name: np.mean(
                [
                    fit.probabilities[:, label] >= fit.thresholds[label]
                    for fit in comparison.together.fits
                    if fit.objective == name
                ],
                axis=0,
            )
            for name in (best, "none")
        }
        for side, (a, b) in zip(sides, ((best, "none"), ("none", best)), strict=True):
            expected = {
                catalog.ids[300 + i]
                for i in np.flatnonzero(
                    (matrix[:, label] == 1) & (finds[a] > 0.5) & (finds[b] <= 0.5)
                )
            }
            alts = {alt.removeprefix("product ") for alt in read_page(side).alts}
            assert alts <= expected
            assert len(alts) == min(len(expected), PHOTOS)
            shown += len(alts)
    assert shown


def test_many_labels_and_objectives_of_products_without_a_photo(
    make_comparison: Callable[..., Comparison],
    identity: dict[str, Any],
    read_page: Callable[[str], Any],
) -> None:
    labels = [f"a{at % 5}:value {at}" for at in range(60)]
    names = [*identity["configuration"]["objectives"], "asl", "db"]
    text = build_comparison(
        make_comparison(None, labels, np.geomspace(0.4, 0.002, 60), names), identity
    )
    assert len(rows(table_after(text, "<h2>Label by label"))) == 61
    assert len(text) < 3e6
    page = read_page(text)
    assert "a garment & its <i>number</i>" in page.text
    assert not any(address.startswith("data:image/jpeg") for address in page.addresses)
    assert "longtailor compare 'my <shop>/products.csv' --out DIR" in page.text


def test_what_was_not_measured_is_a_dash(
    comparison: Comparison, identity: dict[str, Any], read_page: Callable[[str], Any]
) -> None:
    nothing = Estimate(*[float("nan")] * 3, seeds=(float("nan"),) * 3)
    scope = comparison.together
    nan = float("nan")
    nans = np.full(len(scope.catalog.space), nan)
    matrix = scope.catalog.matrix.copy()
    matrix[scope.catalog.in_split("test")] = 0
    empty = replace(
        scope,
        catalog=replace(scope.catalog, matrix=matrix),
        fits=[],
        figures=replace(
            scope.figures,
            estimates={
                name: dict.fromkeys(metrics, nothing)
                for name, metrics in scope.figures.estimates.items()
            },
            paired=[
                replace(one, difference=nan, low=nan, high=nan, p_value=nan, p_adjusted=nan)
                for one in scope.figures.paired
            ],
        ),
        labels=[
            replace(one, difference=nans, low=nans, high=nans, p_adjusted=nans)
            for one in scope.labels
        ],
        ap=dict.fromkeys(scope.ap, nans),
    )
    page = read_page(build_comparison(replace(comparison, together=empty, separately={}), identity))
    assert not re.search(r"\b(?:nan|None)\b", page.text)
    assert "Where the gain comes from" not in page.text
    assert "too few for a curve" in page.text
