from __future__ import annotations

import hashlib
import io
from itertools import combinations
from pathlib import Path

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from longtailor.catalog import leaks
from longtailor.catalog.leaks import (
    ImageHashes,
    Leak,
    find_disagreements,
    find_identical,
    find_leaks,
    find_similar,
    image_hashes,
)


def photo(seed: int, size: tuple[int, int] = (96, 120)) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def hashes_of(bits: list[int], sha256: list[str | None] | None = None) -> ImageHashes:
    """Hashes whose dHash has the given set bits, counted from the lowest of a 256-bit number."""
    words = [[(value >> (64 * word)) & (2**64 - 1) for word in range(4)] for value in bits]
    names = sha256 if sha256 is not None else [str(i) for i in range(len(bits))]
    return ImageHashes(tuple(names), np.array(words, dtype=np.uint64).reshape(-1, 4))


def test_images_are_hashed_as_their_bytes_and_their_looks(tmp_path: Path) -> None:
    paths: list[Path | None] = []
    for seed in range(3):
        paths.append(tmp_path / f"{seed}.png")
        photo(seed).save(tmp_path / f"{seed}.png")
    (tmp_path / "text.jpg").write_text("no image")
    found = image_hashes([*paths, None, tmp_path / "text.jpg", tmp_path / "gone.jpg"])
    for seed in range(3):
        content = (tmp_path / f"{seed}.png").read_bytes()
        assert found.sha256[seed] == hashlib.sha256(content).hexdigest()
        expected = imagehash.dhash(Image.open(io.BytesIO(content)), hash_size=16).hash.ravel()
        bits = np.unpackbits(found.dhash[seed : seed + 1].view(np.uint8))
        assert bits.astype(bool).tolist() == expected.tolist()
    assert found.sha256[3:] == (None, None, None)
    assert found.readable.tolist() == [True, True, True, False, False, False]
    assert [at for at, _ in found.broken] == [4, 5]
    assert "text.jpg" in found.broken[0][1]


def test_reencoded_and_resized_copies_look_the_same_and_others_do_not(tmp_path: Path) -> None:
    photo(0, (400, 500)).save(tmp_path / "a.png")
    photo(0, (400, 500)).save(tmp_path / "b.jpg", quality=70)
    photo(0, (200, 250)).save(tmp_path / "c.jpg", quality=90)
    photo(1, (400, 500)).save(tmp_path / "d.png")
    (tmp_path / "e.png").write_bytes((tmp_path / "d.png").read_bytes())
    paths: list[Path | None] = [tmp_path / n for n in ("a.png", "b.jpg", "c.jpg", "d.png", "e.png")]
    found = image_hashes(paths)
    assert find_identical(found) == [(3, 4)]
    assert find_similar(found) == [(0, 1, 2), (3, 4)]


BITS = st.integers(0, 2**256 - 1)


@st.composite
def families(draw: st.DrawFn) -> list[int]:
    """Hashes of which some are a few bits apart."""
    flips = st.lists(st.frozensets(st.integers(0, 255), max_size=14), max_size=4)
    return [
        base ^ sum(1 << flip for flip in flipped)
        for base in draw(st.lists(BITS, min_size=1, max_size=4))
        for flipped in draw(flips)
    ]


def apart(a: int, b: int) -> int:
    return (a ^ b).bit_count()


@settings(max_examples=100)
@given(families(), st.sampled_from([1, 20, 1024]))
def test_groups_are_chains_of_near_pairs(bits: list[int], block: int) -> None:
    groups = {i: {i} for i in range(len(bits))}
    for a, b in combinations(range(len(bits)), 2):
        if apart(bits[a], bits[b]) <= 10 and groups[a] is not groups[b]:
            merged = groups[a] | groups[b]
            groups.update(dict.fromkeys(merged, merged))
    expected = sorted({tuple(sorted(group)) for group in groups.values() if len(group) > 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leaks, "_BLOCK_CELLS", block)
        assert find_similar(hashes_of(bits)) == expected


@settings(max_examples=100)
@given(families(), st.data())
def test_leaks_are_the_closest_of_an_earlier_split(bits: list[int], data: st.DataObject) -> None:
    names = st.sampled_from(["train", "val", "test"])
    split = data.draw(st.lists(names, min_size=len(bits), max_size=len(bits)))
    rank = {"train": 0, "val": 1, "test": 2}
    found = find_leaks(hashes_of(bits), np.array(split, dtype="U5"))
    expected = {}
    for a in range(len(bits)):
        earlier = [
            apart(bits[a], bits[b]) for b in range(len(bits)) if rank[split[b]] < rank[split[a]]
        ]
        if earlier and min(earlier) <= 10:
            expected[a] = min(earlier)
    assert {leak.product: leak.distance for leak in found} == expected
    for leak in found:
        assert apart(bits[leak.product], bits[leak.other]) == leak.distance
        assert rank[split[leak.other]] < rank[split[leak.product]]


def test_ten_bits_are_near_and_eleven_are_not() -> None:
    split = np.array(["train", "test", "test"])
    found = find_leaks(hashes_of([0, 2**10 - 1, 2**11 - 1]), split)
    assert found == [Leak(1, 0, 10, identical=False)]


def test_an_identical_file_is_named_before_a_lookalike() -> None:
    found = find_leaks(hashes_of([5, 5, 5], ["x", "y", "y"]), np.array(["train", "train", "test"]))
    assert found == [Leak(2, 1, 0, identical=True)]


def test_what_cannot_be_decoded_is_like_nothing() -> None:
    hashes = hashes_of([0, 0, 0], [None, "x", None])
    assert find_identical(hashes) == []
    assert find_similar(hashes) == []
    assert find_leaks(hashes, np.array(["train", "test", "val"])) == []


def test_identical_images_disagree_where_one_is_positive_and_one_negative() -> None:
    matrix = np.array([[1, 0, -1], [1, 1, 1], [1, 1, 0], [0, 0, 0]], dtype=np.int8)
    assert find_disagreements([(0, 1), (1, 2), (0, 3)], matrix) == [
        ((0, 1), (1,)),
        ((1, 2), (2,)),
        ((0, 3), (0,)),
    ]
    assert find_disagreements([(0, 0)], matrix) == []
