"""How to fine-tune."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, fields
from typing import Any

from longtailor.errors import UsageError

SCHEDULES = ("one-cycle", "cosine")
LOGGERS = ("auto", "tensorboard", "csv", "mlflow", "none")
MONITORS = (
    "map",
    "map_head",
    "map_medium",
    "map_tail",
    "map_micro",
    "f1_macro_at_half",
    "f1_macro_tail_at_half",
)
"""Validation figures that an epoch can be chosen by; of all, more is better."""


@dataclass(frozen=True)
class FineTuning:
    """How to fine-tune an encoder and its classifier.

    Attributes
    ----------
    epochs : int
        At most so many passes over the training products.
    image_size : int
        Height and width in pixels that a network of images is trained at, and used at afterwards.
    batch_size : int
        Products in a step, over all devices together.
    accumulate : int
        Steps of the optimizer are taken every so many batches.
    encoder_rate, classifier_rate : float, optional
        Highest learning rate of the encoder's last layer, and of the classifier. Default: 5e-4 and
        3e-3 for images, 1e-4 and 3e-3 for texts.
    layer_decay : float
        Factor of the learning rate from one layer of the encoder to the one before it.
    weight_decay : float
        AdamW's, of weights with two dimensions or more.
    schedule : {"one-cycle", "cosine"}
    freeze_until : int
        The epoch, from 0, at which the encoder begins to learn.
    averaging : float
        Decay of the exponential moving average of the weights, which is what is kept; 0: off.
    monitor : str
        The validation figure that chooses the epoch that is kept. See `MONITORS`.
    patience : int or None
        Stop after so many epochs without a better figure. None: never.
    augment : str
        `"auto"`, `"none"`, or what is to be done to photos: `"crop,flip,colour"`.
    repeat_below : float
        Products with a label that fewer than this share of them have are shown more often (Gupta
        et al. 2019, the `t` of repeat-factor sampling); 0: off.
    time_budget : float or None
        Seconds that everything may take, evaluation included.
    devices, nodes : int
        How many processes train, on this machine and on how many machines.
    logger : str
        See `LOGGERS`. `"auto"` is TensorBoard where it is installed, else CSV files.
    checkpoint_seconds : float
        At least so long between two checkpoints within an epoch.

    Raises
    ------
    UsageError
        If a value is out of range.
    """

    epochs: int = 5
    image_size: int = 160
    batch_size: int = 32
    accumulate: int = 1
    encoder_rate: float | None = None
    classifier_rate: float | None = None
    layer_decay: float = 0.9
    weight_decay: float = 0.02
    schedule: str = "one-cycle"
    freeze_until: int = 0
    averaging: float = 0.99
    monitor: str = "map"
    patience: int | None = None
    augment: str = "auto"
    repeat_below: float = 0.0
    time_budget: float | None = None
    devices: int = 1
    nodes: int = 1
    logger: str = "auto"
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "devices", "nodes"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: at least 1")
        for name, choices in (
            ("schedule", SCHEDULES),
            ("monitor", MONITORS),
            ("logger", LOGGERS),
        ):
            if getattr(self, name) not in choices:
                raise UsageError(f"{name} {getattr(self, name)!r}: use {', '.join(choices)}")
        if not 0 <= self.averaging < 1:
            raise UsageError(f"averaging is {self.averaging}: from 0 (off) to below 1")
        if not 0 < self.layer_decay <= 1:
            raise UsageError(f"layer_decay is {self.layer_decay}: above 0, at most 1")
        if not 0 <= self.repeat_below <= 1:
            raise UsageError(f"repeat_below is {self.repeat_below}: a share from 0 to 1")
        if self.patience is not None and self.patience < 1:
            raise UsageError(f"patience is {self.patience}: at least 1 epoch")
        if self.time_budget is not None and self.time_budget <= 0:
            raise UsageError(f"time_budget is {self.time_budget:g} s: more than nothing")
        if self.batch_size % (self.devices * self.nodes):
            raise UsageError(
                f"a batch of {self.batch_size} cannot be shared out to "
                f"{self.devices * self.nodes} devices; give a multiple"
            )

    def check_texts(self) -> None:
        """Refuse what is of photos alone, where an encoder of texts is to be trained.

        Raises
        ------
        UsageError
            If `image_size` or `augment` is not the default.
        """
        for name, default in (
            ("image_size", FineTuning.image_size),
            ("augment", FineTuning.augment),
        ):
            if getattr(self, name) != default:
                raise UsageError(
                    f"{name} is {getattr(self, name)}, but texts are to be learned from, and it "
                    "says something of photos alone: leave it out"
                )


def parse_tuning(text: str | None) -> dict[str, Any]:
    """Read `batch_size=64,schedule=cosine` as attributes of `FineTuning` in their own types.

    A value with commas in it is put in quotation marks: `augment="crop,flip"`.

    Raises
    ------
    UsageError
        If there is no such attribute, or a value is of another type.
    """
    kinds = {one.name: one.type for one in fields(FineTuning)}
    given: dict[str, Any] = {}
    for name, quoted, plain in re.findall(r'\s*([^=,]*)=(?:"([^"]*)"|([^,]*)),?', text or ""):
        value = quoted or plain.strip()
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=len(kinds), cutoff=0.0)
            raise UsageError(f"--tuning has no setting {name!r}; it has {', '.join(near)}")
        kind = int if kinds[name].startswith("int") else str if kinds[name] == "str" else float
        try:
            given[name] = kind(value)
        except ValueError:
            raise UsageError(f"--tuning {name}={value}: not {_KINDS[kind]}") from None
    if text and not given:
        raise UsageError(f"--tuning {text!r}: write it as name=value,name=value")
    return given


_KINDS: dict[type, str] = {int: "a whole number", float: "a number"}


def parse_duration(text: str) -> float:
    """Read `90s`, `20m`, `1.5h`, `1h30m` as seconds.

    Raises
    ------
    UsageError
        If it is no duration.
    """
    units = {"h": 3600.0, "m": 60.0, "s": 1.0}
    if not re.fullmatch(r"(\d+(\.\d+)?[hms])+", text.strip()):
        raise UsageError(f"{text!r} is no duration: write it as 20m, 1h30m or 90s")
    found = re.findall(r"(\d+(?:\.\d+)?)([hms])", text)
    return sum(float(number) * units[unit] for number, unit in found)
