"""Images that are in a catalogue more than once, and those that leak from one split to another."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from longtailor.catalog.catalog import SPLITS
from longtailor.catalog.images import open_image, read_image_file
from longtailor.cores import available_cores
from longtailor.errors import ImageError
from longtailor.labels import UNKNOWN, LabelMatrix
from longtailor.progress import track

HASH_SIDE = 16
NEAR = 10
"""Two images are near-duplicates if at most so many of the 256 bits of their dHash differ."""

_BLOCK_CELLS = 2**18  # fits the processor's cache, whatever the number of images
_ROUND = 1024


@dataclass(frozen=True, eq=False)
class ImageHashes:
    """What images are, bit by bit and to the eye.

    A dHash compares neighbours in a grey copy: it sees shape and not colour, so the same garment
    photographed alike in two colours counts as a near-duplicate.

    Attributes
    ----------
    sha256 : tuple of (str or None)
        Hash of each file's bytes; None where there is no image or it cannot be decoded.
    dhash : ndarray of uint64, shape (products, 4)
        The 256 bits of each image's dHash (16 x 16, the gradients of a tiny grey copy); 0 where
        `sha256` is None.
    broken : tuple of (int, str)
        Product and reason, for each image that cannot be decoded.
    """

    sha256: tuple[str | None, ...]
    dhash: npt.NDArray[np.uint64]
    broken: tuple[tuple[int, str], ...] = ()

    @property
    def readable(self) -> npt.NDArray[np.bool_]:
        """Which products have an image that can be decoded, shape (products,)."""
        return np.array([digest is not None for digest in self.sha256], dtype=np.bool_)


@dataclass(frozen=True)
class Leak:
    """A product of val or test whose image is, almost, in another split too.

    Attributes
    ----------
    product, other : int
        Positions in the catalogue; `other` is the closest image of the other splits.
    distance : int
        Bits of the dHash that differ.
    identical : bool
        The two files are the same byte by byte.
    """

    product: int
    other: int
    distance: int
    identical: bool


def image_hashes(paths: Sequence[Path | None]) -> ImageHashes:
    """Read each image once and hash it.

    Parameters
    ----------
    paths : sequence of (Path or None)
        One a product; None where it has no image.
    """
    sha256: list[str | None] = [None] * len(paths)
    dhash = np.zeros((len(paths), HASH_SIDE * HASH_SIDE // 64), dtype=np.uint64)
    broken: list[tuple[int, str]] = []
    with (
        ThreadPoolExecutor(available_cores()) as pool,
        track("Comparing images", len(paths)) as advance,
    ):
        # Rounds keep the queue short, so that Ctrl-C stops soon.
        for start in range(0, len(paths), _ROUND):
            found = pool.map(_hash, paths[start : start + _ROUND])
            for at, result in enumerate(found, start=start):
                if isinstance(result, ImageError):
                    broken.append((at, str(result)))
                elif result is not None:
                    sha256[at], dhash[at] = result
                advance(1)
    return ImageHashes(tuple(sha256), dhash, tuple(broken))


def find_identical(hashes: ImageHashes) -> list[tuple[int, ...]]:
    """Find the products whose image files are the same byte by byte.

    Returns
    -------
    list of tuple of int
        Groups of two products or more, in order.
    """
    same: dict[str, list[int]] = {}
    for product, digest in enumerate(hashes.sha256):
        if digest is not None:
            same.setdefault(digest, []).append(product)
    return [tuple(group) for group in same.values() if len(group) > 1]


def find_similar(hashes: ImageHashes, near: int = NEAR) -> list[tuple[int, ...]]:
    """Find the products whose images look the same.

    Images that are linked by a chain of near-duplicates make one group, so its ends may differ
    by more than `near` bits. The work grows with the square of the number of different images:
    about a second for 10,000, a minute or two for 100,000.

    Parameters
    ----------
    hashes : ImageHashes
    near : int
        Largest number of differing bits, of 256.

    Returns
    -------
    list of tuple of int
        Groups of two products or more, in order; identical images are among them.
    """
    readable = np.flatnonzero(hashes.readable)
    looks, look_of = np.unique(hashes.dhash[readable], axis=0, return_inverse=True)
    links = [np.zeros((0, 2), dtype=np.intp)]
    for start, distance in _distances(looks, looks):
        links.append(np.argwhere(distance <= near) + np.array([start, 0]))
    rows, columns = np.concatenate(links).T
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(looks), len(looks)))
    _, cluster = connected_components(graph, directed=False)
    groups: dict[int, list[int]] = {}
    for product, look in zip(readable.tolist(), look_of.ravel().tolist(), strict=True):
        groups.setdefault(int(cluster[look]), []).append(product)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def find_leaks(hashes: ImageHashes, split: npt.NDArray[np.str_], near: int = NEAR) -> list[Leak]:
    """Find the products of val and test that look like one of an earlier split.

    Parameters
    ----------
    hashes : ImageHashes
    split : ndarray of str, shape (products,)
    near : int
        Largest number of differing bits, of 256.

    Returns
    -------
    list of Leak
        One a product at most: its closest image in train, or for test in train or val.
    """
    leaks = []
    for earlier, name in enumerate(SPLITS[1:], start=1):
        here = np.flatnonzero((split == name) & hashes.readable)
        there = np.flatnonzero(np.isin(split, SPLITS[:earlier]) & hashes.readable)
        if not len(there):
            continue
        for start, distance in _distances(hashes.dhash[here], hashes.dhash[there]):
            closest = distance.argmin(axis=1)
            bits = distance[np.arange(len(closest)), closest]
            for row in np.flatnonzero(bits <= near).tolist():
                product = int(here[start + row])
                others = there[distance[row] == bits[row]].tolist()
                same = [o for o in others if hashes.sha256[o] == hashes.sha256[product]]
                other = same[0] if same else others[0]
                leaks.append(Leak(product, other, int(bits[row]), bool(same)))
    return sorted(leaks, key=lambda leak: leak.product)


def find_disagreements(
    groups: Sequence[tuple[int, ...]], matrix: LabelMatrix
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Find labels that are positive for one product and negative for another of its group.

    Parameters
    ----------
    groups : sequence of tuple of int
        Products with the same image, from `find_identical`.
    matrix : ndarray of int8, shape (products, labels)

    Returns
    -------
    list of (products, labels)
        Each group that disagrees, and the columns on which it does.
    """
    disagreements = []
    for group in groups:
        cells = matrix[list(group)]
        known = cells != UNKNOWN
        differs = (known & (cells == 1)).any(axis=0) & (known & (cells == 0)).any(axis=0)
        if differs.any():
            disagreements.append((group, tuple(np.flatnonzero(differs).tolist())))
    return disagreements


def _hash(path: Path | None) -> tuple[str, npt.NDArray[np.uint64]] | ImageError | None:
    if path is None:
        return None
    try:
        content = read_image_file(path)
        image = open_image(io.BytesIO(content), draft=4 * HASH_SIDE, name=str(path))
    except ImageError as error:
        return error
    bits = imagehash.dhash(image, hash_size=HASH_SIDE).hash
    return hashlib.sha256(content).hexdigest(), np.packbits(bits).view(np.uint64)


def _distances(
    some: npt.NDArray[np.uint64], others: npt.NDArray[np.uint64]
) -> Iterator[tuple[int, npt.NDArray[np.uint16]]]:
    """Give blocks of Hamming distances, shape (block, others), with their first row."""
    rows = max(1, _BLOCK_CELLS // max(1, len(others)))
    for start in range(0, len(some), rows):
        block = some[start : start + rows]
        distance = np.zeros((len(block), len(others)), dtype=np.uint16)
        for word in range(some.shape[1]):
            distance += np.bitwise_count(block[:, word, None] ^ others[None, :, word])
        yield start, distance
