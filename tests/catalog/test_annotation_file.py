from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from longtailor.catalog.annotation_file import AnnotationFile, torn_line
from longtailor.errors import LongtailorError, UsageError

# A process of its own that acknowledges each line on standard output once it is on the disk.
WRITER = """
import sys
from pathlib import Path
from longtailor.catalog.annotation_file import AnnotationFile
file = AnnotationFile(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    file.append({"id": f"{sys.argv[2]}{number}", "text": "x" * 3000})
    print(number, flush=True)
"""


def start_writer(path: Path, name: str, lines: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(lines)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_lines_come_back_in_order_and_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.jsonl"
    file, other = AnnotationFile(path), AnnotationFile(path)
    assert file.news() == ([], True)
    file.append({"id": "a", "fabric": "café"})
    other.append({"id": "b"})
    assert file.news() == ([{"id": "a", "fabric": "café"}, {"id": "b"}], False)
    assert file.news() == ([], False)
    file.append({"id": "c"})
    assert other.news() == ([{"id": "a", "fabric": "café"}, {"id": "b"}, {"id": "c"}], True)


def test_another_file_in_its_place_is_read_afresh(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    file = AnnotationFile(path)
    file.append({"id": "a"})
    file.news()
    path.unlink()
    assert file.news() == ([], True)
    file.append({"id": "b"})
    assert file.news() == ([{"id": "b"}], True)


def test_only_json_lines_are_appended_to(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"appended to a \.jsonl file"):
        AnnotationFile(tmp_path / "a.csv")
    (tmp_path / "file").touch()
    with pytest.raises(LongtailorError, match="cannot write"):
        AnnotationFile(tmp_path / "file" / "a.jsonl")


@pytest.mark.parametrize("torn", [b'{"id": "b", "sl', b"\0\0\0", b"[1]", b'{"id": "\xff'])
def test_what_a_crash_left_is_moved_aside_and_counted(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": "a"}\n' + torn)
    assert torn_line(path) == 2
    file = AnnotationFile(path)
    assert file.torn == 1
    assert file.aside.read_bytes() == torn + b"\n"
    file.append({"id": "c"})
    assert file.news() == ([{"id": "a"}, {"id": "c"}], True)
    assert torn_line(path) is None


def test_a_file_that_lacks_only_the_last_newline_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": "a"}')
    file = AnnotationFile(path)
    file.append({"id": "b"})
    assert (file.torn, file.news()[0]) == (0, [{"id": "a"}, {"id": "b"}])


def test_a_torn_line_longer_than_a_block_is_found_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    torn = b'{"id": "' + b"y" * 200_000
    path.write_bytes(b'{"id": "a"}\n' + torn)
    assert AnnotationFile(path).aside.read_bytes() == torn + b"\n"
    assert path.read_bytes() == b'{"id": "a"}\n'


def test_a_broken_line_in_the_middle_is_passed_over_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": "a"}\nnonsense\n\n{"id": "b"}\n')
    file = AnnotationFile(path)
    assert file.news()[0] == [{"id": "a"}, {"id": "b"}]
    assert file.broken == [2]


def test_a_full_disk_leaves_nothing_of_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = AnnotationFile(tmp_path / "a.jsonl")
    file.append({"id": "a"})
    write = os.write

    def half(handle: int, content: bytes) -> int:
        if len(content) < 12:
            raise OSError(28, "No space left on device")
        return write(handle, content[: len(content) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(LongtailorError, match="No space left on device"):
        file.append({"id": "b", "text": "z" * 40})
    monkeypatch.undo()
    assert file.path.read_bytes() == b'{"id": "a"}\n'


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    writers = [start_writer(path, name, 60) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    ids = [json.loads(line)["id"] for line in path.read_text().splitlines()]
    for name in "ab":
        assert [one for one in ids if one[0] == name] == [f"{name}{i}" for i in range(60)]


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    acknowledged: list[str] = []
    for turn in range(4):
        writer = start_writer(path, f"{turn}-", 100_000)
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(0.02 * turn)
        os.kill(writer.pid, signal.SIGKILL)
        seen = [first, *writer.stdout.read().splitlines()]
        writer.wait()
        acknowledged += [f"{turn}-{line.strip()}" for line in seen]
    file = AnnotationFile(path)
    ids = [record["id"] for record in file.news()[0]]
    assert not file.broken
    assert len(ids) == len(set(ids))
    assert set(acknowledged) <= set(ids)
    # At most the one that was written and not yet acknowledged is there besides.
    assert len(ids) <= len(acknowledged) + 4


def test_a_torn_line_between_two_writers_harms_neither(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": "torn')
    writers = [start_writer(path, name, 30) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    file = AnnotationFile(path)
    assert len(file.news()[0]) == 60
    assert not file.broken
    assert file.aside.read_bytes() == b'{"id": "torn\n'
