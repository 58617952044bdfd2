from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

# The same examples each time, however long they take: a test is about what changed, not about luck
# or load. What is drawn anew each time is in benchmarks/fuzz.py.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.load_profile("same")

SLEEVES = {"short": 40, "long": 30, "cap": 20, "sleeveless": 18, "bell": 8, "puff": 4}
_COLOURS = {
    "short": (200, 60, 60),
    "long": (60, 160, 70),
    "cap": (60, 80, 200),
    "sleeveless": (220, 200, 60),
    "bell": (170, 60, 190),
    "puff": (60, 200, 210),
}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real catalogues, which are not part of the project."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("LONGTAILOR_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"needs the real catalogues, and {folder} is not there")
    return folder


class Thumbnails:
    """A backend without a network: the mean colour of each of 4 x 4 fields, and their spread."""

    name = "thumbnails"
    dim = 96

    def __call__(self, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        fields = batch.reshape(len(batch), 4, 4, 4, 4, 3).astype(np.float32) / 255
        means = fields.mean(axis=(2, 4)).reshape(len(batch), -1)
        return np.concatenate([means, fields.std(axis=(2, 4)).reshape(len(batch), -1)], axis=1)


@pytest.fixture
def light_encoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Stands in for every encoder, needs no network, and fills a cache of the test's own."""
    from longtailor.encoders.encoder import Encoder, Weights
    from longtailor.encoders.preprocessing import Preprocessing

    encoder = Encoder(
        "thumbnails",
        Thumbnails.dim,
        Weights("0" * 64),
        Preprocessing(16, "bilinear", (0.5,) * 3, (0.5,) * 3),
        Thumbnails(),
    )
    monkeypatch.setattr("longtailor.fitting.embedded.load_encoder", lambda *args, **kwargs: encoder)
    monkeypatch.setattr("longtailor.encoders.load.load_encoder", lambda *args, **kwargs: encoder)
    monkeypatch.setenv("LONGTAILOR_CACHE", str(tmp_path / "cache"))
    return encoder


@pytest.fixture
def tunable_encoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Give the name of a network so small that a test can train it, with weights at random."""
    import timm
    import torch

    create = timm.create_model

    def seeded(name: str, pretrained: bool = False, **options: Any) -> Any:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return create(name, **options)

    monkeypatch.setattr(timm, "create_model", seeded)
    monkeypatch.setenv("LONGTAILOR_BACKEND", "torch")
    monkeypatch.setenv("LONGTAILOR_CACHE", str(tmp_path / "cache"))
    return "test_efficientnet"


@pytest.fixture(scope="session")
def tiny_text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a small network of texts, with weights at random and without dropout."""
    transformers = pytest.importorskip("transformers")
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "blue", "dress", "shirt", "long", "bow"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    folder = tmp_path_factory.mktemp("model") / "tiny"
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=12
    ).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=16,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.BertModel(config).save_pretrained(folder)
    return folder


class Letters:
    """A backend and a tokenizer without a network: how often each letter stands in a text."""

    name = "letters"
    fingerprint = "letters"
    dim = 26

    def __call__(self, given: Any) -> Any:
        if given and isinstance(given[0], str):
            return [list(text.lower().encode()) for text in given]
        counts = [[np.bincount(row - 97, minlength=26) for row in _letters(one)] for one in given]
        return [np.array(some, np.float32) + 0.01 for some in counts]


def _letters(batch: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    return [row[(row >= 97) & (row < 123)] for row in batch]


@pytest.fixture
def light_text_encoder(light_encoder: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stands in for every text encoder, beside the one of images."""
    from longtailor.encoders.encoder import Weights
    from longtailor.encoders.text import TextEncoder

    letters = Letters()
    encoder = TextEncoder("letters", Letters.dim, 256, Weights("0" * 64), letters, letters)
    for place in ("longtailor.fitting.embedded", "longtailor.encoders.load"):
        monkeypatch.setattr(f"{place}.load_text_encoder", lambda *args, **kwargs: encoder)
    return encoder


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares a test that is not about the report the second that its plots take."""
    monkeypatch.setattr("longtailor.runs.fit.build_report", lambda *args: "<p>no report</p>")


def draw_shop(folder: Path, sleeves: dict[str, int] | None = None, seed: int = 0) -> Path:
    """Draw garments whose colour tells the sleeve and whose stripes tell the pattern."""
    random = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    names = [name for name, count in (sleeves or SLEEVES).items() for _ in range(count)]
    rows = ["id,image,sleeve,pattern,detail"]
    for number, at in enumerate(random.permutation(len(names))):
        sleeve, striped = names[at], bool(random.random() < 0.3)
        colour = np.array(_COLOURS[sleeve]) + random.integers(-40, 41, 3)
        image = Image.new("RGB", (24, 24), tuple(np.clip(colour, 0, 255).tolist()))
        draw = ImageDraw.Draw(image)
        if striped:
            for y in range(0, 24, 6):
                draw.line([(0, y), (24, y)], fill="white", width=2)
        details = [name for name in ("bow", "frill") if random.random() < 0.2]
        if "bow" in details:
            draw.rectangle((9, 0, 15, 5), fill="black")
        if "frill" in details:
            draw.rectangle((0, 19, 24, 24), fill="orange")
        image.save(folder / "images" / f"{number:03d}.png")
        pattern = "" if random.random() < 0.1 else "stripes" if striped else "plain"
        rows.append(
            f"p{number},images/{number:03d}.png,{sleeve},{pattern},{'|'.join(details) or '-'}"
        )
    path = folder / "products.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def make_shop() -> Callable[..., Path]:
    """Draws small catalogues with a tail: 120 products by default."""
    return draw_shop


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A catalogue of 120 products, four of them with puff sleeves."""
    return draw_shop(tmp_path / "shop")
