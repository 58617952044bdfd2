from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

from longtailor.encoders.preprocessing import Preprocessing
from longtailor.errors import ImageError
from longtailor.training.deep.pixels import DecodedPhotos, Photos, SharedPhotos, decode_once

SQUASH = Preprocessing(16, "bilinear", (0.5,) * 3, (0.5,) * 3)


def draw(folder, count=5):
    random = np.random.default_rng(0)
    paths = [folder / f"{number}.png" for number in range(count)]
    for path in paths:
        Image.fromarray(random.integers(0, 256, (30, 20, 3), dtype=np.uint8)).save(path)
    return paths


def test_pixels_are_those_that_an_encoder_would_see(tmp_path):
    paths = draw(tmp_path)
    decode_once(paths, SQUASH, tmp_path / "a.npy", "images")
    photos = Photos(tmp_path / "a.npy", np.zeros((5, 2), np.int8))
    assert len(photos) == 5
    for row, path in enumerate(paths):
        assert (photos.pixels[row] == SQUASH(Image.open(path).convert("RGB"))).all()


def test_what_is_decoded_is_not_decoded_again(tmp_path):
    decode_once(draw(tmp_path), SQUASH, tmp_path / "a.npy", "images")
    before = (tmp_path / "a.npy").read_bytes()
    decode_once([tmp_path / "gone.png"], SQUASH, tmp_path / "a.npy", "images")
    assert (tmp_path / "a.npy").read_bytes() == before


def test_a_broken_image_leaves_no_file(tmp_path):
    paths = draw(tmp_path)
    paths[3].write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"3\.png"):
        decode_once(paths, SQUASH, tmp_path / "a.npy", "images")
    assert not list(tmp_path.glob("*.npy"))


def test_another_process_gets_the_file_and_not_the_pixels(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 500, 500, 3), np.uint8))
    photos = Photos(tmp_path / "a.npy", np.zeros((2, 1), np.int8))
    assert photos.pixels.shape == (2, 500, 500, 3)
    sent = pickle.dumps(photos)
    assert len(sent) < 10_000
    assert pickle.loads(sent).pixels.shape == (2, 500, 500, 3)


def test_photos_decoded_together_are_found_by_their_paths(tmp_path):
    paths = draw(tmp_path)
    decoded = DecodedPhotos(tmp_path, "all", paths)
    matrix = np.zeros((3, 1), np.int8)
    photos = decoded.photos([paths[4], paths[0], paths[2]], matrix, SQUASH, "images")
    expected = [SQUASH(Image.open(paths[row]).convert("RGB")) for row in (4, 0, 2)]
    np.testing.assert_array_equal(photos.take(1), expected[1])
    np.testing.assert_array_equal(photos.take([2, 0]), [expected[2], expected[0]])
    for path in paths:
        path.unlink()
    again = DecodedPhotos(tmp_path, "all", paths).photos([paths[3]], matrix[:1], SQUASH, "images")
    assert again.take(0).shape == (16, 16, 3)


def test_shared_photos_are_embedded_from_their_pixels(tmp_path, light_encoder):
    paths = draw(tmp_path)
    measured = DecodedPhotos(tmp_path, "measured", paths)
    shared = SharedPhotos(DecodedPhotos(tmp_path, "learned", paths[:2]), measured)
    done = []
    embeddings = shared.embed([paths[3], paths[1]], light_encoder, done.append)
    pixels = [SQUASH(Image.open(paths[row]).convert("RGB")) for row in (3, 1)]
    np.testing.assert_array_equal(embeddings, light_encoder.encode(np.stack(pixels)))
    assert sum(done) == 2
