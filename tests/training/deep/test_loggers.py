from __future__ import annotations

import importlib.util

import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from longtailor.errors import LongtailorError
from longtailor.training.deep.loggers import build_logger


@pytest.fixture
def without(monkeypatch):
    """Hides packages."""
    find = importlib.util.find_spec

    def hide(*names):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *more: None if name in names else find(name)
        )

    return hide


def test_auto_is_tensorboard_where_it_is_installed(tmp_path, without):
    pytest.importorskip("tensorboard")
    assert isinstance(build_logger("auto", tmp_path), TensorBoardLogger)
    without("tensorboard", "tensorboardX")
    assert isinstance(build_logger("auto", tmp_path), CSVLogger)


def test_what_was_asked_for_and_is_missing_is_named(tmp_path, without):
    without("tensorboard", "tensorboardX", "mlflow")
    with pytest.raises(LongtailorError, match=r"longtailor\[mlflow\]"):
        build_logger("mlflow", tmp_path)
    with pytest.raises(LongtailorError, match=r"longtailor\[finetune\]"):
        build_logger("tensorboard", tmp_path)


def test_csv_and_none(tmp_path):
    assert isinstance(build_logger("csv", tmp_path), CSVLogger)
    assert build_logger("none", tmp_path) is False
