"""Finished fits of a study on disk, so that a killed study goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from longtailor.files import replacing
from longtailor.studies.results import StudyFit

_ARRAYS = {
    "probabilities": np.float32,
    "corrected": np.float32,
    "thresholds": np.float64,
    "train_positive": np.int64,
}


@dataclass(frozen=True)
class FitStore:
    """One file a fit, each whole or not there.

    Parameters
    ----------
    folder : Path or None
        Where the files are; None keeps nothing.
    data : str
        What all fits of the study depend on, as a hash.
    shape : tuple of int
        Test products and labels.
    """

    folder: Path | None
    data: str
    shape: tuple[int, int]

    def get(self, task: Mapping[str, Any]) -> StudyFit | None:
        """Give a finished fit.

        Parameters
        ----------
        task : mapping
            Which fit, as JSON can hold it, `objective` and `seed` among it.

        Returns
        -------
        StudyFit or None
            None where there is none, or its file is damaged or belongs to other data: such a fit
            is made again.
        """
        if self.folder is None:
            return None
        key = self._key(task)
        try:
            with safe_open(self._path(key), "np") as file:
                record = json.loads(file.metadata()["fit"])
                arrays = {name: file.get_tensor(name) for name in _ARRAYS}
            training = record.get("training")
            sound = record["key"] == key and record["sha256"] == _digest(arrays, training)
            fit = StudyFit(
                task["objective"],
                task["seed"],
                **arrays,
                penalty=float(record["penalty"]),
                seconds=float(record["seconds"]),
                training=training,
            )
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            return None
        return fit if sound and self._fits(fit) else None

    def put(self, task: Mapping[str, Any], fit: StudyFit) -> None:
        """Write a finished fit.

        Raises
        ------
        LongtailorError
            If it cannot be written.
        """
        if self.folder is None:
            return
        key = self._key(task)
        arrays = {
            name: np.ascontiguousarray(getattr(fit, name), dtype) for name, dtype in _ARRAYS.items()
        }
        record = {
            "key": key,
            "sha256": _digest(arrays, fit.training),
            "task": dict(task),
            "penalty": fit.penalty,
            "seconds": fit.seconds,
            "training": fit.training,
        }
        content = save(arrays, {"fit": json.dumps(record)})
        with replacing(self._path(key)) as temporary:
            temporary.write_bytes(content)

    def _key(self, task: Mapping[str, Any]) -> str:
        text = json.dumps({"data": self.data, **task}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{key[:32]}.safetensors"

    def _fits(self, fit: StudyFit) -> bool:
        labels = (self.shape[1],)
        return (
            fit.probabilities.shape == fit.corrected.shape == self.shape
            and fit.thresholds.shape == fit.train_positive.shape == labels
            and all(getattr(fit, name).dtype == dtype for name, dtype in _ARRAYS.items())
        )


def _digest(arrays: Mapping[str, npt.NDArray[Any]], training: dict[str, Any] | None) -> str:
    digest = hashlib.sha256()
    if training is not None:
        digest.update(json.dumps(training, sort_keys=True).encode())
    for name in _ARRAYS:
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
