from __future__ import annotations

import shlex

from matplotlib.figure import Figure

from longtailor.reporting.study_page import command_line, key, panel


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


def test_a_panel_has_the_size_of_its_figure() -> None:
    shown = panel("a", Figure(figsize=(3, 2)), "b", "c")
    assert (shown["width"], shown["height"]) == (288, 192)
    assert shown["src"].startswith("data:image/svg+xml")


def test_each_objective_has_a_key_of_its_own() -> None:
    keys = key(["a", "b"])
    assert [one["name"] for one in keys] == ["a", "b"]
    assert keys[0]["src"] != keys[1]["src"]
