from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longtailor.errors import LongtailorError
from longtailor.studies.results import StudyFit
from longtailor.studies.store import FitStore

TASK: dict[str, Any] = {"objective": "none", "seed": 3, "share": 0.1, "attribute": None}


def made_fit(seed: int = 3) -> StudyFit:
    random = np.random.default_rng(0)
    return StudyFit(
        "none",
        seed,
        random.random((5, 2), dtype=np.float32),
        random.random((5, 2), dtype=np.float32),
        random.random(2),
        np.array([3, 4]),
        0.3,
        1.25,
    )


def store_in(folder: Path | None, data: str = "a" * 64, labels: int = 2) -> FitStore:
    return FitStore(folder, data, (5, labels))


def test_a_fit_comes_back_bit_by_bit(tmp_path: Path) -> None:
    fit = made_fit()
    store_in(tmp_path / "fits").put(TASK, fit)
    back = store_in(tmp_path / "fits").get(TASK)
    assert back is not None
    assert (back.objective, back.seed, back.penalty, back.seconds) == ("none", 3, 0.3, 1.25)
    for name in ("probabilities", "corrected", "thresholds", "train_positive"):
        ours, theirs = getattr(back, name), getattr(fit, name)
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes()


def test_how_its_network_was_trained_comes_back(tmp_path: Path) -> None:
    training = {"steps": 90, "best_epoch": 2, "epochs": [{"epoch": 1, "map": 0.5, "loss": None}]}
    store = store_in(tmp_path)
    store.put(TASK, replace(made_fit(), training=training))
    back = store.get(TASK)
    assert back is not None
    assert back.training == training
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    # The header holds JSON in JSON.
    assert content.count(rb"\"steps\": 90") == 1
    file.write_bytes(content.replace(rb"\"steps\": 90", rb"\"steps\": 91"))
    assert store.get(TASK) is None


def test_what_was_not_finished_is_not_there(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.put(TASK, made_fit())
    assert store.get({**TASK, "seed": 4}) is None
    assert store.get({**TASK, "objective": "asl"}) is None
    assert store.get({**TASK, "share": 0.2}) is None
    assert store_in(tmp_path, data="b" * 64).get(TASK) is None
    assert store_in(tmp_path, labels=3).get(TASK) is None


def test_a_store_without_a_folder_keeps_nothing(tmp_path: Path) -> None:
    store = store_in(None)
    store.put(TASK, made_fit())
    assert store.get(TASK) is None


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text", "folder"])
def test_damaged_files_are_not_trusted(tmp_path: Path, damage: str) -> None:
    store = store_in(tmp_path)
    store.put(TASK, made_fit())
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-3] ^= 1
    path.write_bytes({"empty": b"", "cut": content[:-8], "text": b"{}"}.get(damage, content))
    if damage == "folder":
        path.unlink()
        path.mkdir()
    assert store.get(TASK) is None


def test_a_fit_of_another_task_under_the_same_name_is_not_trusted(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.put(TASK, made_fit())
    other = {**TASK, "seed": 4}
    (path,) = tmp_path.iterdir()
    store.put(other, made_fit(4))
    for file in tmp_path.iterdir():
        if file != path:
            file.write_bytes(path.read_bytes())
    assert store.get(other) is None
    assert store.get(TASK) is not None


def test_a_folder_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "fits").write_text("a file")
    with pytest.raises(LongtailorError, match="cannot write"):
        store_in(tmp_path / "fits").put(TASK, made_fit())
