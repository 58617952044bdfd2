from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from longtailor.catalog.fingerprint import fingerprint


def content(**changed: Any) -> dict[str, Any]:
    return {
        "ids": ["1", "2"],
        "images": ["a.jpg", ""],
        "texts": ["", "foo"],
        "labels": ["a:x", "a:y"],
        "matrix": np.array([[1, 0], [0, -1]], dtype=np.int8),
        "split": np.array(["train", ""]),
        "group": np.array(["", "g"]),
    } | changed


@pytest.mark.parametrize(
    "changed",
    [
        {"ids": ["1", "3"]},
        {"ids": ["12", ""]},
        {"images": ["", "a.jpg"]},
        {"texts": ["f", "oo"]},
        {"labels": ["a:x", "a:z"]},
        {"matrix": np.array([[1, 0], [0, 0]], dtype=np.int8)},
        {"split": np.array(["train", "test"])},
        {"group": np.array(["g", ""])},
    ],
)
def test_whatever_matters_changes_it(changed: dict[str, Any]) -> None:
    assert fingerprint(**content(**changed)) != fingerprint(**content())


def test_the_order_of_labels_and_the_width_of_strings_do_not() -> None:
    same = content(
        labels=["a:y", "a:x"],
        matrix=np.array([[0, 1], [-1, 0]], dtype=np.int8),
        split=np.array(["train", ""], dtype="U20"),
    )
    assert fingerprint(**same) == fingerprint(**content())
