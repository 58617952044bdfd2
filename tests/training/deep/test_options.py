from __future__ import annotations

import pytest

from longtailor.errors import UsageError
from longtailor.training.deep.options import FineTuning, parse_duration, parse_tuning


@pytest.mark.parametrize(
    ("text", "seconds"), [("20m", 1200), ("90s", 90), ("1.5h", 5400), ("1h30m", 5400)]
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["20", "m", "", "20 minutes", "-5m"])
def test_what_is_no_duration(text):
    with pytest.raises(UsageError, match="20m"):
        parse_duration(text)


def test_tuning_gives_values_in_their_types():
    text = 'batch_size=64, schedule=cosine,encoder_rate=1e-4,augment="crop,flip",patience=2'
    assert parse_tuning(text) == {
        "batch_size": 64,
        "schedule": "cosine",
        "encoder_rate": 1e-4,
        "augment": "crop,flip",
        "patience": 2,
    }
    assert parse_tuning(None) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batchsize=3", "batch_size"),
        ("batch_size=x", "whole number"),
        ("averaging=much", "a number"),
        ("fast", "name=value"),
    ],
)
def test_tuning_names_what_is_wrong(text, message):
    with pytest.raises(UsageError, match=message):
        parse_tuning(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"schedule": "linear"},
        {"monitor": "accuracy"},
        {"averaging": 1.0},
        {"layer_decay": 0.0},
        {"time_budget": 0.0},
        {"batch_size": 33, "devices": 2},
        {"patience": 0},
        {"repeat_below": 2.0},
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError):
        FineTuning(**wrong)
