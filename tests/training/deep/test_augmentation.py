from __future__ import annotations

import pytest
import torch

from longtailor.errors import UsageError
from longtailor.labels import LabelSpace
from longtailor.training.deep.augmentation import choose_augmentation


def space(*labels):
    return LabelSpace(labels)


@pytest.mark.parametrize("attribute", ["colour", "baseColour", "main_color", "Color", "denim wash"])
def test_colours_stay_where_an_attribute_is_one(attribute):
    chosen = choose_augmentation("auto", space("fit:loose", f"{attribute}:red"))
    assert chosen.changes == ("crop", "flip")
    assert attribute in chosen.reasons[0]


@pytest.mark.parametrize("label", ["shoulder:left", "opening:right_side", "slit side:front"])
def test_photos_are_not_flipped_where_sides_are_told_apart(label):
    chosen = choose_augmentation("auto", space("fit:loose", label))
    assert not chosen.flips
    assert "colour" in chosen.changes
    assert label in chosen.reasons[0]


def test_words_count_whole():
    # `upright`, `colourless` name neither a side nor, as values, an attribute of colours.
    chosen = choose_augmentation("auto", space("collar:upright", "stone:colourless"))
    assert chosen.changes == ("crop", "flip", "colour")
    assert chosen.reasons == ()


def test_what_is_stated_holds():
    sided = space("shoulder:left", "colour:red")
    assert choose_augmentation("colour,flip", sided).changes == ("flip", "colour")
    assert choose_augmentation("none", sided).changes == ()
    with pytest.raises(UsageError, match="crop,flip,colour"):
        choose_augmentation("mirror", sided)


def test_without_changes_a_photo_stays_as_it_is():
    photo = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
    assert torch.equal(choose_augmentation("none", space("a:b")).build(32)(photo), photo)
    flipped = choose_augmentation("flip", space("a:b")).build(32)
    torch.manual_seed(0)
    seen = [flipped(photo) for _ in range(20)]
    assert any(torch.equal(one, photo) for one in seen)
    assert any(torch.equal(one, photo.flip(2)) for one in seen)
    assert all(torch.equal(one, photo) or torch.equal(one, photo.flip(2)) for one in seen)
