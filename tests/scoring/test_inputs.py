from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from longtailor.catalog.products import Products
from longtailor.errors import CatalogError, LongtailorError, UsageError
from longtailor.scoring.inputs import find, find_inputs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "notes.txt", "in/c.webp", "in/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def listed(given: Sequence[Path]) -> Products:
    inputs = find_inputs(given)
    return find(pl.concat(list(inputs.stream())), inputs.images)


def test_a_folder_gives_its_images_in_order_by_their_place_in_it(folder: Path) -> None:
    found = listed([folder])
    assert found.names == found.ids == ["a.PNG", "b.jpg", "in/b.jpg", "in/c.webp"]
    assert found.paths == [folder / name for name in found.names]
    assert (found.rows, found.skipped) == ([1, 2, 3, 4], [])


def test_files_come_as_they_were_given_whatever_their_suffix(folder: Path) -> None:
    found = listed([folder / "notes.txt", folder / "b.jpg"])
    assert found.names == [str(folder / "notes.txt"), str(folder / "b.jpg")]


def test_what_would_have_one_name_gets_its_whole_path(folder: Path) -> None:
    found = listed([folder, folder / "in"])
    assert len(found.names) == len(set(found.names)) == 4
    (folder / "other").mkdir()
    (folder / "other" / "c.webp").write_bytes(b"x")
    found = listed([folder / "in", folder / "other"])
    assert found.names == [
        str(folder / "in" / "b.jpg"),
        str(folder / "in" / "c.webp"),
        str(folder / "other" / "c.webp"),
    ]


def test_what_cannot_be_scored_is_refused(folder: Path) -> None:
    (folder / "p.csv").write_text("image\nb.jpg\n")
    assert listed([folder / "p.csv"]).ids == ["b.jpg"]
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


def test_a_catalogue_without_a_usable_product_is_refused_at_its_end(folder: Path) -> None:
    (folder / "p.csv").write_text("id,image\n1,gone.jpg\n2,b.jpg\n")
    stream = find_inputs([folder / "p.csv"]).stream
    assert sum(len(part) for part in stream()) == 2
    with pytest.raises(LongtailorError, match=r"p\.csv, row 2: 1: image 'gone\.jpg': .*strict"):
        list(stream(strict=True))
    (folder / "p.csv").write_text("id,image\n1,gone.jpg\n2,gone.png\n")
    with pytest.raises(CatalogError, match=r"no product .* row 2: 1: .* right \(--images\)"):
        list(stream())


def test_the_fingerprint_tells_products_and_folders_apart(folder: Path) -> None:
    catalog, other = folder / "p.csv", folder / "in" / "p.csv"
    catalog.write_text("image\nb.jpg\n")
    other.write_text("image\nb.jpg\n")
    prints = [find_inputs(given).fingerprint for given in ([catalog], [other], [folder])]
    prints += [find_inputs([catalog], folder / "in").fingerprint]
    assert len(set(prints)) == 3
    assert prints[1] == prints[3]
    assert find_inputs([folder / "in"]).fingerprint != prints[2]
    catalog.write_text("image\nb.jpg\n ")
    assert find_inputs([catalog]).fingerprint != prints[0]
