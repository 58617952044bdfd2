"""Where the curves go while the training runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger

from longtailor.errors import LongtailorError


def build_logger(name: str, folder: Path) -> Logger | bool:
    """Give the logger that was asked for, writing under a folder.

    Parameters
    ----------
    name : str
        `"auto"`, `"tensorboard"`, `"csv"`, `"mlflow"`, `"none"`. `auto` is TensorBoard where it is
        installed, else CSV files.
    folder : Path
        MLflow goes by the environment's `MLFLOW_TRACKING_URI` instead, where that is set.

    Raises
    ------
    LongtailorError
        If what it needs is not installed.
    """
    if name == "none":
        return False
    if name == "mlflow":
        if importlib.util.find_spec("mlflow") is None:
            raise LongtailorError("MLflow is not installed: pip install 'longtailor[mlflow]'")
        return MLFlowLogger("longtailor", save_dir=str(folder / "mlflow"))
    has_board = any(importlib.util.find_spec(n) for n in ("tensorboard", "tensorboardX"))
    if name == "tensorboard" and not has_board:
        raise LongtailorError("TensorBoard is not installed: pip install 'longtailor[finetune]'")
    if has_board and name != "csv":
        return TensorBoardLogger(str(folder), name=None, version="tensorboard")
    return CSVLogger(str(folder), name=None, version="csv")
