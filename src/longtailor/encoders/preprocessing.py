"""From a decoded photo to the pixels that an encoder sees."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Preprocessing:
    """How photos are resized and normalised.

    Attributes
    ----------
    image_size : int
        Height and width in pixels of what the network sees.
    interpolation : str
        A resampling filter of Pillow: `"bicubic"`, `"bilinear"`, ...
    mean, std : tuple of three float
        The network sees `(pixel / 255 - mean) / std`, channel by channel.
    mirrored : bool
        Whether an embedding is the mean of that of the photo and of its mirror image.
    """

    image_size: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    mirrored: bool = False

    def __call__(self, image: Image.Image) -> Pixels:
        """Resize an RGB image to uint8 pixels of shape (image_size, image_size, 3).

        The whole picture is squashed to a square. A centre crop, which the models were
        evaluated with, would cut sleeves and hems off portrait photos.
        """
        resampling = Image.Resampling[self.interpolation.upper()]
        return np.array(image.resize((self.image_size, self.image_size), resampling))

    def to_dict(self) -> dict[str, Any]:
        """Describe as JSON values."""
        mean, std = list(self.mean), list(self.std)
        described = {"fit": "squash", **asdict(self), "mean": mean, "std": std}
        # Left out where it says nothing, as it was before there was such a thing.
        if not self.mirrored:
            del described["mirrored"]
        return described

    @classmethod
    def from_dict(cls, described: dict[str, Any]) -> Preprocessing:
        """Rebuild from what `to_dict` gave."""
        mean, std = described["mean"], described["std"]
        return cls(
            image_size=described["image_size"],
            interpolation=described["interpolation"],
            mean=(mean[0], mean[1], mean[2]),
            std=(std[0], std[1], std[2]),
            mirrored=described.get("mirrored", False),
        )
