"""Write a detector as an ONNX file."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from longtailor.detector import Detector
from longtailor.encoders import TextEncoder
from longtailor.encoders.text_networks import HubTokenizer
from longtailor.errors import LongtailorError, UsageError
from longtailor.export.description import describe
from longtailor.export.network import OUTPUTS, DetectorNetwork, example_inputs, inputs_of
from longtailor.export.parity import Sample, check_parity, drawn_sample
from longtailor.files import replacing, write_text

SUFFIX = ".onnx"
OPSET = 20
LARGEST = 2_000_000_000
"""Bytes of weights that a file of protocol buffers can hold."""
_NEEDED = ("onnx", "onnxruntime", "onnxscript")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes
    ----------
    path : Path
    tokenizer : Path or None
        The tokenizer's file, for a detector that reads texts.
    products : int
        How many products the file and the detector were compared on.
    difference : float
        The largest difference of a probability.
    """

    path: Path
    tokenizer: Path | None
    products: int
    difference: float


def require_exportable(out: Path) -> None:
    """Raise where the name is no ONNX file's, or what it takes to write one is not installed."""
    if out.suffix.lower() != SUFFIX or out.is_dir():
        raise UsageError(f"--out {out}: give a file that ends in {SUFFIX}")
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise LongtailorError(f"export needs {missing[0]}: pip install 'longtailor[export]'")


def export_onnx(
    detector: Detector,
    out: Path,
    sample: Sample | None = None,
    *,
    sha256: str | None = None,
) -> Exported:
    """Write a detector as one ONNX file, once it was seen to score as the detector does.

    Parameters
    ----------
    detector : Detector
    out : Path
        A file that ends in `.onnx`. A detector that reads texts gets its tokenizer beside it.
    sample : Sample, optional
        Products to compare the two on. Default: drawn ones.
    sha256 : str, optional
        Of the detector's `detector.json`, for the file's metadata.

    Raises
    ------
    UsageError
        If `out` is no ONNX file's name.
    LongtailorError
        If a package is missing, the classifier cannot be exported, the file does not score as the
        detector, or it cannot be written.
    """
    require_exportable(out)
    sample = sample or drawn_sample(detector)
    vocabulary = _tokenizer(detector)
    beside = None if vocabulary is None else out.with_suffix(".tokenizer.json")
    model = _convert(detector)
    model.metadata_props.update(
        describe(
            detector,
            list(inputs_of(detector)),
            sha256=sha256,
            tokenizer=None
            if beside is None or vocabulary is None
            else {"file": beside.name, "sha256": hashlib.sha256(vocabulary.encode()).hexdigest()},
        )
    )
    with replacing(out) as temporary:
        import onnx_ir

        onnx_ir.save(model, temporary)
        difference = check_parity(temporary, detector, sample)
        if beside is not None and vocabulary is not None:
            write_text(beside, vocabulary)
    return Exported(out, beside, len(sample.images), difference)


def _convert(detector: Detector) -> Any:
    """Give the network as an `onnx_ir.Model`, without traces of this machine."""
    network = DetectorNetwork(detector).eval()
    size = sum(tensor.nbytes for tensor in network.state_dict().values())
    if size > LARGEST:
        raise LongtailorError(
            f"the detector has {size / 1e9:.1f} GB of weights, and an ONNX file holds 2 at most"
        )
    inputs = inputs_of(detector)
    dims = {name: torch.export.Dim(name) for name in ("batch", "tokens")}
    varying = {name: {at: dims[dim] for at, dim in of.items()} for name, of in inputs.items()}
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                network,
                kwargs=example_inputs(detector),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=list(OUTPUTS),
                dynamic_shapes=varying,
                external_data=False,
                verbose=False,
            )
    # The exporter fails in the ways of torch.export, of its own and of onnxscript.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LongtailorError(f"the detector cannot be exported: {reason[-300:]}") from error
    assert program is not None
    model = program.model
    _clean(model)
    return model


def _clean(model: Any) -> None:
    """Remove what the exporter notes of source files, and give each value a name of its own."""
    graph = model.graph
    graph.metadata_props.clear()
    taken = {value.name for value in (*graph.inputs, *graph.outputs)}
    kept = {id(value) for value in (*graph.inputs, *graph.outputs)}
    values = [*graph.inputs, *graph.initializers.values()]
    for node in graph:
        node.metadata_props.clear()
        node.doc_string = None
        values += node.outputs
        for value in node.outputs:
            # An operation may be called as an output is.
            if value.name in taken and id(value) not in kept:
                value.name = f"{value.name}_within"
    for value in values:
        value.metadata_props.clear()
        value.doc_string = None


def _tokenizer(detector: Detector) -> str | None:
    for encoder in detector.loaded_encoders.values():
        if isinstance(encoder, TextEncoder):
            if not isinstance(encoder.tokenizer, HubTokenizer):
                raise LongtailorError(f"the tokenizer of {encoder.name} cannot be written")
            return encoder.tokenizer.to_json()
    return None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks on its own steps away."""
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
