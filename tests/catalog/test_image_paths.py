from __future__ import annotations

from pathlib import Path

import pytest

from longtailor.catalog.image_paths import find_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "images"
    (inside / "sub").mkdir(parents=True)
    (inside / "a.jpg").touch()
    (inside / "sub" / "b.jpg").touch()
    (tmp_path / "secret.jpg").touch()
    (tmp_path / "images-other").mkdir()
    (tmp_path / "images-other" / "c.jpg").touch()
    (inside / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (inside / "in.jpg").symlink_to(inside / "a.jpg")
    (inside / "away").symlink_to(tmp_path)
    (inside / "dangling.jpg").symlink_to(inside / "nothing.jpg")
    return inside


@pytest.mark.parametrize("name", ["a.jpg", "sub/b.jpg", "sub/../a.jpg", "./a.jpg", "in.jpg"])
def test_images_inside_the_folder_are_found(folder: Path, name: str) -> None:
    (path,), refused = find_images(folder, [name])
    assert not refused
    assert path is not None
    assert path.is_absolute()
    assert path.samefile(folder / name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../secret.jpg", "leads out"),
        ("sub/../../secret.jpg", "leads out"),
        ("../images-other/c.jpg", "leads out"),
        ("away/secret.jpg", "leads out"),
        ("out.jpg", "a link that leads out"),
        ("/etc/hostname", "an absolute path"),
        ("nothing.jpg", "no such file"),
        ("dangling.jpg", "no such file"),
        ("no/where.jpg", "no such file"),
        ("a.jpg/b.jpg", "no such file"),
        ("sub", "not a file"),
        ("..", "not a file"),
        ("a\0b.jpg", "no such file"),
        ("x" * 5000, "no such file"),
    ],
)
def test_other_paths_are_refused_with_a_reason(folder: Path, name: str, reason: str) -> None:
    paths, refused = find_images(folder, ["a.jpg", name])
    assert paths[0] is not None
    assert paths[1] is None
    assert [at for at, _ in refused] == [1]
    assert refused[0][1].startswith(reason)


def test_no_name_is_no_image_and_no_fault(folder: Path) -> None:
    assert find_images(folder, ["", ""]) == ([None, None], [])


def test_the_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    paths, refused = find_images(link, ["a.jpg", "../secret.jpg"])
    assert paths == [link / "a.jpg", None]
    assert len(refused) == 1
