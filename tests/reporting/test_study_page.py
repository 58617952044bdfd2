from __future__ import annotations

import shlex
from dataclasses import asdict

from matplotlib.figure import Figure

from longtailor.reporting.study_page import command_line, key, panel
from longtailor.training.deep.options import FineTuning, parse_tuning


def test_the_command_can_be_typed_again() -> None:
    line = command_line(
        {
            "command": "compare",
            "catalog": "my shop/a.csv",
            "configuration": {
                "objectives": ["none", "asl:gamma_neg=4"],
                "min_positives": 2,
                "images": None,
                "strict": True,
                "resume": False,
            },
        }
    )
    assert shlex.split(line.replace("\\\n", "")) == [
        *("longtailor", "compare", "my shop/a.csv", "--out", "DIR"),
        *("--objectives", "none,asl:gamma_neg=4", "--min-positives", "2", "--strict"),
    ]


def test_a_fine_tuning_is_written_as_its_options() -> None:
    tuning = FineTuning(epochs=3, image_size=96, time_budget=240.0, augment="crop,flip", patience=2)
    identity = {"command": "curve", "catalog": "a", "configuration": {"finetune": asdict(tuning)}}
    words = shlex.split(command_line(identity).replace("\\\n", ""))
    assert words[5:-2] == [
        *("--finetune", "--epochs", "3", "--image-size", "96", "--time-budget", "240s"),
    ]
    assert words[-2] == "--tuning"
    assert parse_tuning(words[-1]) == {"augment": "crop,flip", "patience": 2}
    identity["configuration"] = {"finetune": asdict(FineTuning())}
    assert shlex.split(command_line(identity).replace("\\\n", ""))[5:] == ["--finetune"]
    identity["configuration"] = {"finetune": None}
    assert "--finetune" not in command_line(identity)


def test_a_panel_has_the_size_of_its_figure() -> None:
    shown = panel("a", Figure(figsize=(3, 2)), "b", "c")
    assert (shown["width"], shown["height"]) == (288, 192)
    assert shown["src"].startswith("data:image/svg+xml")


def test_each_objective_has_a_key_of_its_own() -> None:
    keys = key(["a", "b"])
    assert [one["name"] for one in keys] == ["a", "b"]
    assert keys[0]["src"] != keys[1]["src"]
