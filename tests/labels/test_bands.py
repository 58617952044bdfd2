from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtailor.labels import BANDS, Bands


def test_the_default_bands_begin_at_100_and_20() -> None:
    found = Bands().assign([1000, 100, 99, 20, 19, 0])
    assert found.tolist() == ["head", "head", "medium", "medium", "tail", "tail"]


@pytest.mark.parametrize("text", ["100,20", " 50 , 5 ", "thirds", "3,1"])
def test_bands_are_read_as_they_are_written(text: str) -> None:
    bands = Bands.parse(text)
    assert Bands.parse(str(bands)) == bands


@pytest.mark.parametrize(
    "text", ["", "100", "20,100", "20,20", "5,0", "a,b", "1,2,3", "-5,-9", "1.5,1"]
)
def test_other_texts_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="100,20, or thirds"):
        Bands.parse(text)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40))
def test_thirds_put_rarer_labels_in_lower_bands(counts: list[int]) -> None:
    found = Bands(thirds=True).assign(counts)
    third = -(-len(counts) // 3)
    assert (found == "tail").sum() == third
    assert (found == "head").sum() == min(third, len(counts) - third)
    order = {"tail": 0, "medium": 1, "head": 2}
    height = np.array([order[band] for band in found])
    for a, rarer in enumerate(counts):
        for b, other in enumerate(counts):
            if rarer < other:
                assert height[a] <= height[b]


def test_ties_go_by_the_order_of_the_labels() -> None:
    assert Bands(thirds=True).assign([7, 7, 7]).tolist() == ["tail", "medium", "head"]


def test_no_label_is_no_band() -> None:
    assert Bands(thirds=True).assign([]).tolist() == []
    assert Bands().assign(np.zeros(0, dtype=int)).tolist() == []
    assert BANDS == ("head", "medium", "tail")
