from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from longtailor import Catalog
from longtailor.studies.label_errors import find_label_errors

pytestmark = pytest.mark.usefixtures("light_encoder")

WRONG = {"p5", "p40", "p77"}


@pytest.fixture
def wrong(shop: Path) -> Path:
    """The shop, a sleeve of three products swapped, and one value that is there once."""
    table = pl.read_csv(shop, infer_schema=False)
    sleeve = pl.col("sleeve")
    swapped = pl.when(sleeve == "cap").then(pl.lit("short")).otherwise(pl.lit("cap"))
    table.with_columns(
        pl.when(pl.col("id").is_in(list(WRONG)))
        .then(swapped)
        .when(pl.col("id") == "p9")
        .then(pl.lit("ruffle"))
        .otherwise(sleeve)
        .alias("sleeve")
    ).write_csv(shop)
    return shop


def test_labels_that_were_swapped_come_first(wrong: Path) -> None:
    found = find_label_errors(Catalog.read(wrong))
    rows = [row for row in found.rows() if row["attribute"] == "sleeve"]
    assert {row["id"] for row in rows[:5]} >= WRONG
    true = dict(pl.read_csv(wrong).select("id", "sleeve").iter_rows())
    for row in rows:
        assert row["given"] == f"sleeve:{true[row['id']]}"
        assert row["suggested"].startswith("sleeve:")
        assert 0.5 < row["doubt"] <= 1
    doubts = [row["doubt"] for row in found.rows()]
    assert doubts == sorted(doubts, reverse=True)


def test_a_value_seen_once_is_not_judged(wrong: Path) -> None:
    found = find_label_errors(Catalog.read(wrong))
    assert found.not_judged == ("sleeve:ruffle",)
    named = {label for row in found.rows() for label in (row["given"], row["suggested"])}
    assert "sleeve:ruffle" not in named
    # Its attribute still has one value a product: nothing is merely lacking or too many.
    assert all(
        row["given"] and row["suggested"] for row in found.rows() if row["attribute"] == "sleeve"
    )
    assert "p9" not in {row["id"] for row in found.rows() if row["attribute"] == "sleeve"}


def test_unknown_cells_are_not_disputed(shop: Path) -> None:
    unknown = set(
        pl.read_csv(shop, infer_schema=False).filter(pl.col("pattern").fill_null("") == "")["id"]
    )
    assert unknown
    found = find_label_errors(Catalog.read(shop)).to_dict()
    disputed = {row["id"] for row in found["disputed"] if row["attribute"] == "pattern"}
    assert not disputed & unknown
    assert sum(found["by_attribute"].values()) == len(found["disputed"])
