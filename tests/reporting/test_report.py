from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from longtailor import Catalog
from longtailor.fitting import FitOptions, Fitted, embed_catalog, fit_embedded
from longtailor.labels import Bands
from longtailor.reporting.report import build_report
from longtailor.runs.fit import Source, identify

pytestmark = pytest.mark.usefixtures("light_encoder")


def fitted_report(shop: Path, **options: object) -> tuple[Fitted, str]:
    chosen = FitOptions(**options)  # type: ignore[arg-type]
    catalog = Catalog.read(shop)
    fitted = fit_embedded(embed_catalog(catalog, chosen), chosen)
    return fitted, build_report(fitted, identify(Source(shop), chosen, catalog))


def test_the_report_opens_offline(shop: Path, read_page: Callable[[str], Any]) -> None:
    fitted, text = fitted_report(shop, objective="effective_number:beta=0.999")
    page = read_page(text)
    assert len(page.addresses) > 4
    assert all(address.startswith("data:") for address in page.addresses)
    assert not page.tags & {"script", "iframe", "object", "embed"}
    assert not re.search(r"https?://|@import|url\((?!data:)", text)
    for label in fitted.detector.space.labels:
        assert label in page.text
    assert "products.csv" in page.text
    figure = fitted.evaluations["test"].summary["map"]
    assert f"{figure:.3f}" in page.text


def test_drawings_hold_no_address_but_their_own_names_for_things(
    shop: Path, read_page: Callable[[str], Any]
) -> None:
    _, text = fitted_report(shop)
    drawings = read_page(text).drawings
    assert len(drawings) == 3
    for drawing in drawings:
        assert not re.search(r"<image|<script|href=\"(?!#|data:)", drawing)


def test_names_from_the_catalogue_are_escaped(shop: Path, read_page: Callable[[str], Any]) -> None:
    evil = "<script>alert(1)</script>"
    names = {"puff": evil, "bell": "$\\frac$", "cap": 'a"b,c', "long": "two\nlines"}
    odd = shop.with_name("<i>odd.csv")
    table = pl.read_csv(shop, infer_schema=False).fill_null("")
    table.with_columns(
        pl.col("sleeve").replace(names), id=pl.lit("<b>&amp;") + pl.col("id")
    ).write_csv(odd)
    _, text = fitted_report(odd)
    page = read_page(text)
    assert not page.tags & {"script", "b", "i"}
    assert f"sleeve:{evil}" in page.text
    assert "<i>odd.csv" in page.text
    assert "<b>&amp;p" in page.text
    assert any(alt.startswith("product <b>&amp;p") for alt in page.alts)


def test_labels_that_were_left_out_or_not_measured_are_named(shop: Path) -> None:
    table = pl.read_csv(shop, infer_schema=False).fill_null("")
    table.with_columns(
        split=pl.Series(["train", "train", "train", "val", "test"] * 24)
    ).with_columns(
        split=pl.when(pl.col("sleeve") == "puff").then(pl.lit("train")).otherwise("split")
    ).write_csv(shop)
    _, text = fitted_report(shop, bands=Bands(thirds=True))
    assert "No test positive, so not measured: sleeve:puff." in text
    assert "a third of the labels each" in text
    _, text = fitted_report(shop, min_positives=5)
    assert "sleeve:puff (4)" in text


def test_without_a_test_split_the_report_says_so(
    shop: Path, read_page: Callable[[str], Any]
) -> None:
    table = pl.read_csv(shop, infer_schema=False).fill_null("")
    table.with_columns(split=pl.lit("train")).write_csv(shop)
    _, text = fitted_report(shop)
    assert "nothing could be measured" in text
    assert "there is no test split" in text
    assert not re.search(r"\b(?:nan|None|inf)\b", read_page(text).text)


def test_the_photos_are_those_of_the_rare_positives(shop: Path) -> None:
    fitted, text = fitted_report(shop)
    catalog = fitted.data.catalog
    puff = catalog.space.labels.index("sleeve:puff")
    inside = catalog.in_split("test")
    positives = [catalog.ids[i] for i in np.flatnonzero(inside & (catalog.matrix[:, puff] == 1))]
    section = text.partition("<h3>sleeve:puff</h3>")[2].partition("<h3>")[0]
    shown = re.findall(r'alt="product (p\d+)"', section)
    assert set(positives) <= set(shown)
