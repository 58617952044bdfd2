from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtailor.labels import LabelSpace, attribute_of, find_exclusive, label_name, value_of


@pytest.mark.parametrize(
    ("label", "attribute", "value"),
    [
        ("sleeve:puff", "sleeve", "puff"),
        ("time:10:30", "time", "10:30"),
        ("alone", "alone", "alone"),
    ],
)
def test_the_attribute_ends_at_the_first_colon(label: str, attribute: str, value: str) -> None:
    assert (attribute_of(label), value_of(label)) == (attribute, value)


@given(st.text().filter(lambda name: ":" not in name), st.text(min_size=1))
def test_a_label_is_taken_apart_as_it_was_put_together(attribute: str, value: str) -> None:
    label = label_name(attribute, value)
    assert (attribute_of(label), value_of(label)) == (attribute, value)


def test_groups_follow_the_order_of_appearance() -> None:
    space = LabelSpace(["b:1", "a:1", "b:2"])
    assert space.attributes == ("b", "a")
    assert space.groups["b"].tolist() == [0, 2]
    assert len(space) == 3


def test_labels_appear_once_and_exclusive_attributes_have_labels() -> None:
    with pytest.raises(ValueError, match="'a:1' appears twice"):
        LabelSpace(["a:1", "b:1", "a:1"])
    with pytest.raises(ValueError, match="exclusive attribute 'c' has no label"):
        LabelSpace(["a:1"], ["c"])


def test_an_attribute_that_loses_a_label_is_not_exclusive_any_more() -> None:
    space = LabelSpace(["a:1", "a:2", "b:1", "b:2"], ["a", "b"])
    assert space.select([3, 2, 0]) == LabelSpace(["b:2", "b:1", "a:1"], ["b"])
    assert space.select(np.array([True, True, False, False])).labels == ("a:1", "a:2")


def test_a_space_survives_json() -> None:
    space = LabelSpace(["a:1", "a:2", "é:x|y"], ["a"])
    assert LabelSpace.from_dict(json.loads(json.dumps(space.to_dict()))) == space


def test_exclusive_attributes_are_found_in_known_products_alone() -> None:
    labels = ["one:a", "one:b", "none:a", "none:b", "two:a", "two:b", "dark:a", "dark:b", "only:a"]
    matrix = np.array(
        [
            [1, 0, 1, 0, 1, 1, -1, -1, 1],
            [0, 1, 0, 0, 1, 0, -1, -1, 1],
            [-1, -1, 0, 1, 0, 1, -1, -1, 1],
        ],
        dtype=np.int8,
    )
    assert find_exclusive(labels, matrix) == {"one"}


def test_half_known_products_do_not_decide_what_is_exclusive() -> None:
    matrix = np.array([[1, 0], [0, 1], [-1, 0]], dtype=np.int8)
    assert find_exclusive(["a:x", "a:y"], matrix) == {"a"}
