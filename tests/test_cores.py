from __future__ import annotations

import pytest

from longtailor.cores import available_cores
from longtailor.errors import UsageError


def test_fewer_cores_may_be_asked_for_but_not_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LONGTAILOR_CORES", raising=False)
    there = available_cores()
    assert there >= 1
    for stated, wanted in (("1", 1), ("100000", there), ("", there)):
        monkeypatch.setenv("LONGTAILOR_CORES", stated)
        assert available_cores() == wanted
    for stated in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("LONGTAILOR_CORES", stated)
        with pytest.raises(UsageError, match=f"LONGTAILOR_CORES .*{stated}"):
            available_cores()
