from __future__ import annotations

import pytest

from longtailor.processes import launched_by_torchrun, launched_rank

NAMES = ("TORCHELASTIC_RUN_ID", "RANK", "WORLD_SIZE", "SLURM_PROCID")


@pytest.mark.parametrize(
    ("environment", "rank", "processes"),
    [
        ({}, 0, None),
        # Not torchrun's: some other tool's.
        ({"RANK": "3", "WORLD_SIZE": "4"}, 0, None),
        ({"TORCHELASTIC_RUN_ID": "a", "RANK": "3", "WORLD_SIZE": "4"}, 3, 4),
        ({"SLURM_PROCID": "2"}, 2, None),
    ],
)
def test_who_started_this_process(monkeypatch, environment, rank, processes):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert launched_rank() == rank
    assert launched_by_torchrun() == processes
