"""What is done to training photos, and what must not be done to them.

An attribute that tells left from right must not be learned from mirrored photos, nor one that
tells colours from photos with other colours. Which attributes do is guessed from their names and
values, and can be stated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torchvision.transforms import v2

from longtailor.errors import UsageError
from longtailor.labels import LabelSpace, attribute_of

CROP, FLIP, COLOUR = "crop", "flip", "colour"
CHANGES = (CROP, FLIP, COLOUR)
AUTO, NONE = "auto", "none"

SIDED = frozenset({"left", "right", "side", "sided", "direction", "facing", "asymmetric", "wrap"})
"""Words of attributes or values that a mirrored photo would contradict."""
COLOURED = frozenset(
    {"colour", "color", "colours", "colors", "hue", "shade", "tone", "tint", "wash", "brightness"}
)
"""Words of attributes that photos with other colours would contradict."""

CROPPED_AREA = (0.8, 1.0)
"""A crop keeps at least so much of a photo: sleeves and hems are at its edges."""
JITTER = 0.2
"""How far brightness, contrast and saturation are moved."""

Change = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Augmentation:
    """What is done to training photos.

    Attributes
    ----------
    changes : tuple of str
        Of `CHANGES`.
    reasons : tuple of str
        Why something is left out, in words.
    """

    changes: tuple[str, ...]
    reasons: tuple[str, ...] = ()

    @property
    def flips(self) -> bool:
        """Whether a mirrored photo has the same labels."""
        return FLIP in self.changes

    def build(self, image_size: int) -> Change:
        """Give the transformation of one uint8 photo (3, H, W) to (3, image_size, image_size)."""
        steps: list[torch.nn.Module] = []
        if CROP in self.changes:
            steps.append(
                v2.RandomResizedCrop(
                    image_size, scale=CROPPED_AREA, ratio=(0.9, 1.1), antialias=True
                )
            )
        else:
            steps.append(v2.Resize((image_size, image_size), antialias=True))
        if FLIP in self.changes:
            steps.append(v2.RandomHorizontalFlip())
        if COLOUR in self.changes:
            steps.append(v2.ColorJitter(JITTER, JITTER, JITTER))
        change: Change = v2.Compose(steps)
        return change


def choose_augmentation(setting: str, space: LabelSpace) -> Augmentation:
    """Choose what is done to photos, by the attributes that are learned from them.

    Parameters
    ----------
    setting : str
        `"auto"`: all of `CHANGES` that no attribute forbids; `"none"`; or some of them, separated
        by commas, whatever the attributes are called.
    space : LabelSpace

    Raises
    ------
    UsageError
        If `setting` is neither.
    """
    if setting == NONE:
        return Augmentation(())
    if setting != AUTO:
        stated = tuple(word.strip() for word in setting.split(",") if word.strip())
        unknown = [word for word in stated if word not in CHANGES]
        if unknown or not stated:
            raise UsageError(f"augment {setting!r}: use auto, none, or some of {','.join(CHANGES)}")
        return Augmentation(tuple(change for change in CHANGES if change in stated))
    sided = _first(label for label in space.labels if _words(label) & SIDED)
    coloured = _first(
        attribute_of(label) for label in space.labels if _words(attribute_of(label)) & COLOURED
    )
    reasons = []
    if sided:
        reasons.append(f"photos are not flipped: {sided} tells sides apart")
    if coloured:
        reasons.append(f"colours are not changed: {coloured} tells them apart")
    left_out = {FLIP: sided, COLOUR: coloured}
    return Augmentation(
        tuple(change for change in CHANGES if not left_out.get(change)), tuple(reasons)
    )


def _first(names: Iterable[str]) -> str | None:
    return next(iter(names), None)


def _words(name: str) -> set[str]:
    """Split `base_colour`, `baseColour`, `one-shoulder left` into lower-case words."""
    parts = re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])|\d+", name)
    return {part.lower() for part in parts}
