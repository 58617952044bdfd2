from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from longtailor.errors import LongtailorError, UsageError
from longtailor.runs.record import claim_run, close_run, open_run, read_run, versions

ONE: dict[str, Any] = {"command": "fit", "seed": 1, "configuration": {"attributes": ["a"]}}
OTHER = {**ONE, "seed": 2}


def finished(folder: Path, identity: dict[str, Any]) -> None:
    open_run(folder, identity, resume=False)
    claim_run(folder, identity)
    (folder / "metrics.json").write_text(json.dumps(identity["seed"]))
    close_run(folder, identity, durations={})


def test_a_new_folder_is_begun_and_closed(tmp_path: Path) -> None:
    run = tmp_path / "deep" / "run"
    assert open_run(run, ONE, resume=False) is False
    assert read_run(run)["status"] == "running"
    close_run(run, ONE, durations={"fit": 1.5})
    record = read_run(run)
    assert record["status"] == "finished"
    assert record["durations"] == {"fit": 1.5}
    assert {key: record[key] for key in ONE} == ONE
    assert record["versions"] == versions()


def test_an_empty_folder_is_as_good_as_a_new_one(tmp_path: Path) -> None:
    assert open_run(tmp_path, ONE, resume=False) is False
    assert read_run(tmp_path)["seed"] == 1


def test_opening_leaves_the_earlier_run_and_claiming_moves_it(tmp_path: Path) -> None:
    run = tmp_path / "run"
    finished(run, ONE)
    assert open_run(run, OTHER, resume=False) is False
    assert read_run(run)["status"] == "finished"
    assert read_run(run)["seed"] == 1
    claim_run(run, OTHER)
    assert json.loads((tmp_path / "run.1" / "metrics.json").read_text()) == 1
    assert read_run(run) == {**OTHER, "status": "running", "versions": versions()}
    assert [file.name for file in run.iterdir()] == ["run.json"]


def test_names_aside_are_never_taken_twice(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (tmp_path / "run.2").mkdir()
    for seed in range(4):
        finished(run, {**ONE, "seed": seed})
    seeds = {
        folder.name: json.loads((folder / "metrics.json").read_text())
        for folder in tmp_path.iterdir()
        if (folder / "metrics.json").exists()
    }
    assert seeds == {"run": 3, "run.1": 0, "run.3": 1, "run.4": 2}


def test_the_same_run_is_claimed_in_place(tmp_path: Path) -> None:
    run = tmp_path / "run"
    finished(run, ONE)
    claim_run(run, ONE)
    assert read_run(run)["status"] == "running"
    assert [folder.name for folder in tmp_path.iterdir()] == ["run"]


def test_resuming(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert open_run(run, ONE, resume=True) is False
    assert open_run(run, ONE, resume=True) is False
    close_run(run, ONE)
    assert open_run(run, ONE, resume=True) is True
    with pytest.raises(UsageError, match="begun with another seed"):
        open_run(run, OTHER, resume=True)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(LongtailorError, match="is not empty and holds no run"):
        open_run(tmp_path, ONE, resume=False)
    with pytest.raises(LongtailorError, match="is a file"):
        open_run(tmp_path / "thesis.txt", ONE, resume=False)
    with pytest.raises(LongtailorError, match=r"holds no run \(run\.json is missing\)"):
        read_run(tmp_path)
    for content in ("{", "[]", "\xff"):
        (tmp_path / "run.json").write_text(content, encoding="latin-1")
        with pytest.raises(LongtailorError, match=r"run\.json is damaged"):
            read_run(tmp_path)
