"""What an exported file says about itself: its `metadata_props`, each value as JSON."""

from __future__ import annotations

import json
from importlib import metadata
from typing import Any

import longtailor
from longtailor.catalog import IMAGE, TEXT
from longtailor.detector import Detector
from longtailor.encoders import AnyEncoder, TextEncoder

FORMAT = 1

_INPUTS = {
    "image": "uint8 (batch, height, width, 3): RGB, upright, transparency laid on white, the whole "
    "picture resized as preprocessing says; the network normalises it itself",
    "has_image": "bool (batch): false where a product has no image; its pixels then do not matter",
    "input_ids": "int64 (batch, tokens): of the tokenizer, padded at the end with any number",
    "attention_mask": "int64 (batch, tokens): 1 for a token, 0 for padding; all 0 where a product "
    "has no text",
}
_OUTPUTS = {
    "probability": "float32 (batch, labels): as the objective made it; thresholds apply to it",
    "probability_corrected": "float32 (batch, labels): without what the objective added",
    "predicted": "bool (batch, labels): at the thresholds, exactly one value of an exclusive "
    "attribute",
    "logit": "float32 (batch, labels): log odds of probability",
    "embedding": "float32 (batch, numbers): of the encoders, side by side; NaN for what is missing",
}


def describe(
    detector: Detector,
    inputs: list[str],
    *,
    sha256: str | None = None,
    tokenizer: dict[str, Any] | None = None,
) -> dict[str, str]:
    """Describe a detector for its exported file.

    Parameters
    ----------
    detector : Detector
    inputs : list of str
        Names of the file's inputs.
    sha256 : str, optional
        Of the detector's `detector.json`.
    tokenizer : dict, optional
        Which file is beside the exported one, and its sha256.
    """
    space, objective = detector.space, detector.objective
    encoders = {name: _encoder(one) for name, one in detector.loaded_encoders.items()}
    values: dict[str, Any] = {
        "format": FORMAT,
        "inputs": {name: _INPUTS[name] for name in inputs},
        "outputs": _OUTPUTS,
        "labels": list(space.labels),
        "attributes": {name: columns.tolist() for name, columns in space.groups.items()},
        "exclusive": sorted(space.exclusive),
        "thresholds": detector.thresholds.tolist(),
        "correction": None if detector.correction is None else detector.correction.tolist(),
        "objective": {
            "name": objective.get("name"),
            "specification": objective.get("specification"),
        },
        "encoders": encoders,
        "preprocessing": encoders.get(IMAGE, {}).get("preprocessing"),
        "tokenizer": tokenizer,
        "detector_sha256": sha256,
        "versions": {
            "longtailor": longtailor.__version__,
            **{package: metadata.version(package) for package in ("torch", "onnx", "onnxscript")},
        },
    }
    if TEXT not in encoders:
        del values["tokenizer"]
    if IMAGE not in encoders:
        del values["preprocessing"]
    return {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}


def _encoder(encoder: AnyEncoder) -> dict[str, Any]:
    """Describe an encoder without where its weights lay on this machine."""
    described = encoder.to_dict()
    name = described["name"]
    if isinstance(encoder, TextEncoder) and described["weights"]["path"] is not None:
        name = name.rstrip("/").rpartition("/")[2]
    weights = {"sha256": described["weights"]["sha256"]}
    views = [
        {**view, "weights": {"sha256": view["weights"]["sha256"]}}
        for view in described.get("views", [])
    ]
    return {**described, "name": name, "weights": weights, **({"views": views} if views else {})}
