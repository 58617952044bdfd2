from __future__ import annotations

from pathlib import Path

import pytest

from longtailor.errors import LongtailorError, UsageError
from longtailor.scoring.inputs import find_inputs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "notes.txt", "in/c.webp", "in/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_a_folder_gives_its_images_in_order_by_their_place_in_it(folder: Path) -> None:
    found = find_inputs([folder])
    assert found.names == found.ids == ["a.PNG", "b.jpg", "in/b.jpg", "in/c.webp"]
    assert found.paths == [folder / name for name in found.names]
    assert (found.rows, found.skipped) == ([1, 2, 3, 4], [])


def test_files_come_as_they_were_given_whatever_their_suffix(folder: Path) -> None:
    found = find_inputs([folder / "notes.txt", folder / "b.jpg"])
    assert found.names == [str(folder / "notes.txt"), str(folder / "b.jpg")]


def test_what_would_have_one_name_gets_its_whole_path(folder: Path) -> None:
    found = find_inputs([folder, folder / "in"])
    assert len(found.names) == len(set(found.names)) == 4
    (folder / "other").mkdir()
    (folder / "other" / "c.webp").write_bytes(b"x")
    found = find_inputs([folder / "in", folder / "other"])
    assert found.names == [
        str(folder / "in" / "b.jpg"),
        str(folder / "in" / "c.webp"),
        str(folder / "other" / "c.webp"),
    ]


def test_what_cannot_be_scored_is_refused(folder: Path) -> None:
    (folder / "p.csv").write_text("image\nb.jpg\n")
    assert find_inputs([folder / "p.csv"]).ids == ["b.jpg"]
    for given in ([folder / "p.csv", folder], [folder, folder / "P.TSV"]):
        with pytest.raises(UsageError, match="is a catalogue"):
            find_inputs(given)
    with pytest.raises(LongtailorError, match="gone does not exist"):
        find_inputs([folder / "gone"])
    (folder / "empty").mkdir()
    with pytest.raises(LongtailorError, match="empty holds no image"):
        find_inputs([folder, folder / "empty"])
    with pytest.raises(UsageError, match="--images"):
        find_inputs([folder], folder)
