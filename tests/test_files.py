from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from longtailor.errors import LongtailorError
from longtailor.files import read_json, remove_leftovers, replacing, write_json, write_text

OLD, NEW = "old\n", "new\n"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "result.csv"
    path.write_text(OLD)
    return path


def only(path: Path) -> bool:
    """Whether nothing else was left in the folder."""
    return list(path.parent.iterdir()) == [path]


def test_the_new_file_stands_when_the_block_ends_and_not_before(target):
    with replacing(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == target.suffix
        temporary.write_text(NEW)
        assert target.read_text() == OLD
    assert target.read_text() == NEW
    assert only(target)


def test_missing_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "file.json"
    write_json(path, {"b": [1, None], "a": "é"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"b": [1, None], "a": "é"}
    assert "é" in path.read_text(encoding="utf-8")


def test_the_file_is_as_open_as_the_umask_allows(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "file", NEW)
        assert os.umask(0o027) == 0o027, "the umask is as it was"
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def write_half(path: Path, failure: BaseException) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half of")
        raise failure


@pytest.mark.parametrize("failure", [ValueError("no"), KeyboardInterrupt(), LongtailorError("no")])
def test_a_block_that_fails_leaves_the_old_file(target, failure):
    with pytest.raises(type(failure)):
        write_half(target, failure)
    assert target.read_text() == OLD
    assert only(target)


def test_a_block_that_fails_makes_no_file(tmp_path):
    with pytest.raises(ValueError, match="no"):
        write_half(tmp_path / "new", ValueError("no"))
    assert list(tmp_path.iterdir()) == []


def full_disk(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("place", ["Path.write_text", "os.fsync", "Path.replace"])
def test_a_full_disk_is_one_clear_error_and_leaves_no_rubbish(target, monkeypatch, place):
    owner, name = place.split(".")
    monkeypatch.setattr({"Path": Path, "os": os}[owner], name, full_disk)
    with pytest.raises(LongtailorError) as failure:
        write_text(target, NEW)
    monkeypatch.undo()
    assert str(failure.value) == f"cannot write {target}: No space left on device"
    assert target.read_text() == OLD
    assert only(target)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_that_is_really_full(target):
    def fill() -> None:
        with replacing(target) as temporary:
            temporary.write_text("half of")
            Path("/dev/full").write_text(NEW)

    with pytest.raises(LongtailorError, match="No space left"):
        fill()
    assert target.read_text() == OLD
    assert only(target)


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LongtailorError, match=r"cannot write .*result\.csv: "):
        write_text(tmp_path / "file" / "result.csv", NEW)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_without_permission_is_one_clear_error(target):
    target.parent.chmod(0o500)
    try:
        with pytest.raises(LongtailorError, match="Permission denied"):
            write_text(target, NEW)
    finally:
        target.parent.chmod(0o700)
    assert target.read_text() == OLD


def test_a_folder_in_the_place_of_the_file_is_one_clear_error(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(LongtailorError, match="cannot write"):
        write_text(tmp_path / "taken", NEW)
    assert list(tmp_path.iterdir()) == [tmp_path / "taken"]


def test_what_is_no_json_is_not_written(target):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(target, {"map": float("nan")})
    assert target.read_text() == OLD
    assert only(target)


def test_lines_end_alike_on_all_systems(tmp_path):
    write_text(tmp_path / "file", "ä\nb\n")
    assert (tmp_path / "file").read_bytes() == "ä\nb\n".encode()


def test_a_killed_process_leaves_the_old_file(target):
    code = (
        "import os, sys, pathlib\n"
        "from longtailor.files import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half of')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(target)], check=False).returncode == -9
    assert target.read_text() == OLD


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000]
)
def test_json_that_is_none_or_a_bomb_is_a_value_error(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_json(tmp_path / "a.json")


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    kept = [tmp_path / "x.csv", deep / ".hidden"]
    for file in kept:
        file.write_text("kept")
    # They are begun and never ended.
    writers = [replacing(path) for path in (tmp_path / "x.csv", deep / "y.json")]
    left = [writer.__enter__() for writer in writers]
    assert all(file.exists() for file in left)
    remove_leftovers(tmp_path)
    assert sorted(file for file in tmp_path.rglob("*") if file.is_file()) == sorted(kept)
