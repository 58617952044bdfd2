"""How many processors this process may use."""

from __future__ import annotations

import os

from longtailor.errors import UsageError


def available_cores() -> int:
    """Give the number of cores to compute on, at least 1.

    Those that this process may run on; fewer where `LONGTAILOR_CORES` says so.

    Raises
    ------
    UsageError
        If `LONGTAILOR_CORES` is no whole number from 1 up.
    """
    allowed = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    stated = os.environ.get("LONGTAILOR_CORES")
    if not stated:
        return allowed
    if not stated.isdecimal() or int(stated) < 1:
        raise UsageError(f"LONGTAILOR_CORES is no whole number from 1 up: {stated}")
    return min(allowed, int(stated))
