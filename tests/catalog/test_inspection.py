from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from longtailor.catalog import Catalog
from longtailor.catalog.inspection import co_occurrence, inspect_catalog
from longtailor.catalog.leaks import ImageHashes
from longtailor.labels import Bands

ROWS = (
    ["train,g1,puff,blue|red"] * 2
    + ["train,,cap,blue"] * 6
    + ["val,,cap,red", "val,g1,cap,"]
    + ["test,,cap,blue", "test,,bell,-"]
)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    lines = [f"{i},t{i},{row}" for i, row in enumerate(ROWS)]
    path = tmp_path / "p.csv"
    path.write_text("id,text,split,group,sleeve,colour\n" + "\n".join(lines) + "\n")
    return Catalog.read(path)


def test_labels_are_counted_by_split_and_put_in_bands(catalog: Catalog) -> None:
    found = inspect_catalog(catalog, bands=Bands(8, 2))
    counts = {each.label: each for each in found.labels}
    assert list(counts) == ["sleeve:bell", "sleeve:cap", "sleeve:puff", "colour:blue", "colour:red"]
    blue = counts["colour:blue"]
    assert (blue.positive, blue.negative, blue.unknown) == (9, 2, 1)
    assert (blue.train_positive, blue.val_positive, blue.test_positive) == (8, 0, 1)
    assert blue.negatives_per_positive == pytest.approx(2 / 9)
    assert [each.band for each in found.labels] == ["tail", "medium", "medium", "head", "medium"]
    assert counts["sleeve:puff"].imbalance == pytest.approx(8 / 2)
    assert counts["sleeve:bell"].imbalance is None
    assert found.mean_imbalance == pytest.approx(np.mean([8 / 6, 8 / 2, 8 / 8, 8 / 2]))


def test_what_is_too_rare_is_named(catalog: Catalog) -> None:
    found = inspect_catalog(catalog)
    assert found.too_rare_to_learn == ("sleeve:bell",)
    assert found.too_rare_to_measure == ("sleeve:puff", "colour:red")
    assert found.too_rare_to_tune == ("sleeve:bell", "sleeve:puff", "colour:blue")
    assert "sleeve:puff" in inspect_catalog(catalog, min_positives=3).too_rare_to_learn


def test_attributes_and_groups_are_described(catalog: Catalog) -> None:
    found = inspect_catalog(catalog)
    sleeve, colour = found.attributes
    assert (sleeve.values, sleeve.exclusive, sleeve.known, sleeve.unknown) == (3, True, 12, 0)
    assert (colour.values, colour.exclusive, colour.known, colour.unknown) == (2, False, 11, 1)
    assert colour.positives == 12
    assert found.spread_groups == ("g1",)


def test_missing_splits_are_carved_and_told(catalog: Catalog) -> None:
    assert not inspect_catalog(catalog).carved
    blank = catalog.take(np.arange(12))
    blank.split[:] = ""
    found = inspect_catalog(blank)
    assert found.carved
    assert found.given == {"": 12}
    assert sum(found.splits.values()) == 12
    assert found.splits["train"] > 0


CELLS = arrays(
    np.int8,
    st.tuples(st.integers(1, 15), st.integers(1, 4)),
    elements=st.sampled_from([1, 1, 0, -1]),
)


@given(CELLS)
def test_co_occurrence_agrees_with_counting_pairs(matrix: Any) -> None:
    together, lift = co_occurrence(matrix)
    for a in range(matrix.shape[1]):
        for b in range(matrix.shape[1]):
            both = [
                (x, y)
                for x, y in zip(matrix[:, a].tolist(), matrix[:, b].tolist(), strict=True)
                if x >= 0 and y >= 0
            ]
            joint = sum(x == 1 and y == 1 for x, y in both)
            assert together[a, b] == joint
            chance = sum(x for x, _ in both) * sum(y for _, y in both)
            if chance:
                assert lift[a, b] == pytest.approx(joint * len(both) / chance, rel=1e-6)
            else:
                assert np.isnan(lift[a, b])


def test_pairs_beyond_chance_come_first(tmp_path: Path) -> None:
    rows = ["a|b"] * 6 + ["c|d"] * 5 + ["c"] * 5 + ["d|e"] * 4 + ["-"] * 20
    path = tmp_path / "p.csv"
    path.write_text("text,x\n" + "".join(f"t,{row}\n" for row in rows))
    found = inspect_catalog(Catalog.read(path))
    assert [(pair.a, pair.b, pair.together) for pair in found.pairs] == [
        ("x:a", "x:b", 6),
        ("x:c", "x:d", 5),
    ]
    assert found.pairs[0].lift == pytest.approx(40 / 6)
    assert found.together.diagonal().tolist() == [6, 6, 10, 9, 4]


def test_image_findings_name_products_by_id(catalog: Catalog) -> None:
    sha256: list[str | None] = [str(i) for i in range(12)]
    sha256[0] = sha256[11] = "same"
    sha256[5] = None
    dhash = np.random.default_rng(0).integers(0, 2**63, (12, 4)).astype(np.uint64)
    dhash[11], dhash[9] = dhash[0], dhash[2]
    hashes = ImageHashes(tuple(sha256), dhash, ((5, "p5.jpg: the file is empty"),))
    images = inspect_catalog(catalog, hashes=hashes).images
    assert images is not None
    assert images.read == 11
    assert images.broken == (("5", "p5.jpg: the file is empty"),)
    assert images.identical == (("0", "11"),)
    assert images.similar == (("0", "11"), ("2", "9"))
    assert [(leak["product"], leak["other"], leak["identical"]) for leak in images.leaks] == [
        ("9", "2", False),
        ("11", "0", True),
    ]
    assert images.disagreements == (
        {
            "products": ["0", "11"],
            "labels": ["sleeve:bell", "sleeve:puff", "colour:blue", "colour:red"],
        },
    )


def test_the_whole_is_strict_json(catalog: Catalog) -> None:
    found = inspect_catalog(catalog)
    again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert again["products"] == 12
    assert again["splits"] == {"train": 8, "val": 2, "test": 2}
    assert again["together"][1][1] == 9
    assert again["images"] is None
    assert again["labels"][0]["imbalance"] is None
