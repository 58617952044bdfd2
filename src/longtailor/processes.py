"""Which this process is of several that were started together."""

from __future__ import annotations

import os


class PartDoneError(Exception):
    """Raised where a process has done its part, and the first of them goes on alone."""


def launched_rank() -> int:
    """Give the number of this process, from 0, among those that torchrun or SLURM started.

    0 where it was started alone.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return int(os.environ["RANK"])
    return int(os.environ.get("SLURM_PROCID", 0))


def launched_by_torchrun() -> int | None:
    """Give how many processes torchrun started, None where it started none."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    return int(os.environ["WORLD_SIZE"])
