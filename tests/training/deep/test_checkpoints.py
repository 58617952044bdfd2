from __future__ import annotations

import json
from datetime import timedelta

import pytest
import torch

from longtailor.errors import LongtailorError
from longtailor.training.deep.checkpoints import SafetensorsIO

STATE = {
    "state_dict": {"weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(3)},
    "optimizer_states": [{"state": {0: {"step": torch.tensor(2.0)}, 7: {}}, "lr": (0.1, None)}],
    "callbacks": {"a{'b': 1}": {"best": -float("inf"), "rows": [{"map": None, "n": True}]}},
    "nested": {"__tensor__": "no tensor", "x": [[], {}, ""]},
    "seconds": 1.5,
}


def same(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def test_what_is_written_is_read(tmp_path):
    io = SafetensorsIO()
    io.save_checkpoint(STATE, tmp_path / "a.safetensors")
    assert same(io.load_checkpoint(tmp_path / "a.safetensors"), STATE)
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]
    io.remove_checkpoint(tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_shared_and_strided_tensors_are_kept(tmp_path):
    tensor = torch.arange(24.0).reshape(2, 3, 2, 2).to(memory_format=torch.channels_last)
    io = SafetensorsIO()
    io.save_checkpoint({"a": tensor, "b": tensor, "c": tensor[0]}, tmp_path / "a.safetensors")
    loaded = io.load_checkpoint(tmp_path / "a.safetensors")
    assert torch.equal(loaded["a"], tensor)
    assert torch.equal(loaded["b"], tensor)
    assert torch.equal(loaded["c"], tensor[0])


def test_durations_become_seconds(tmp_path):
    SafetensorsIO().save_checkpoint({"t": timedelta(minutes=2)}, tmp_path / "a.safetensors")
    assert SafetensorsIO().load_checkpoint(tmp_path / "a.safetensors") == {"t": 120.0}


def test_other_objects_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(TypeError, match="object"):
        SafetensorsIO().save_checkpoint({"x": object()}, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"\x80\x04no", json.dumps({}).encode()])
def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(LongtailorError, match="damaged") as refused:
        SafetensorsIO().load_checkpoint(tmp_path / "a.safetensors")
    assert "\n" not in str(refused.value)
