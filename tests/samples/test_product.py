from __future__ import annotations

from dataclasses import replace

from longtailor.samples.product import Product
from longtailor.samples.vocabulary import ATTRIBUTES

BLOUSE = Product(
    0, "blouse", "puff", "romantic", "square", "cats", "pink", "hip", ("bow", "ruffle")
)


def test_cells_join_several_values_and_mark_none() -> None:
    assert BLOUSE.cells()["detail"] == "bow|ruffle"
    assert replace(BLOUSE, details=()).cells()["detail"] == "-"


def test_unknown_cells_are_empty_and_the_others_are_not() -> None:
    cells = replace(BLOUSE, unknown=frozenset({"sleeve", "detail"})).cells()
    assert {name for name, cell in cells.items() if not cell} == {"sleeve", "detail"}


def test_cells_are_the_attributes_in_their_order() -> None:
    assert tuple(BLOUSE.cells()) == ATTRIBUTES
