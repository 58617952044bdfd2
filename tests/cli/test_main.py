from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import longtailor
from longtailor.cli import main
from longtailor.cli.options import message, names, parse_bands
from longtailor.errors import CatalogError, LongtailorError, UsageError
from longtailor.labels import Bands

COMMANDS = ("demo", "inspect", "fit", "evaluate", "predict", "objectives", "cache")


def call(*arguments: object) -> Any:
    return CliRunner().invoke(main.app, [str(argument) for argument in arguments])


def test_help_lists_the_commands_and_version_is_that_of_the_package() -> None:
    result = call("--help")
    assert result.exit_code == 0
    for command in COMMANDS:
        assert command in result.stdout
        assert call(command, "--help").exit_code == 0
    assert call("--version").stdout == f"{longtailor.__version__}\n"


def test_help_and_import_load_nothing_heavy() -> None:
    heavy = {"torch", "timm", "polars", "sklearn", "matplotlib", "scipy", "openvino", "numpy"}
    for statement in ("import longtailor", "import longtailor.cli.main"):
        code = f"{statement}; import sys, json; print(json.dumps(sorted(sys.modules)))"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert not heavy & set(json.loads(done.stdout)), statement


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (CatalogError("a.csv, row 3: bad"), 1, "longtailor: a.csv, row 3: bad\n"),
        (
            LongtailorError("two\nlines\tand \x1b[31m"),
            1,
            "longtailor: two\\nlines\\tand \\x1b[31m\n",
        ),
        (UsageError("--split 'x'"), 2, "longtailor: --split 'x'\n"),
        (OSError(28, "No space left on device", "/a/b"), 1, "longtailor: /a/b: No space left on"),
        (MemoryError(), 1, "longtailor: out of memory"),
        (KeyboardInterrupt(), 130, "longtailor: interrupted"),
    ],
)
def test_failures_are_one_line_and_a_status(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: BaseException,
    status: int,
    told: str,
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr("longtailor.runs.fit.fit_run", fail)
    result = call("fit", tmp_path / "a.csv", "--out", tmp_path / "run")
    assert result.exit_code == status
    assert result.stdout == ""
    assert result.stderr.startswith(told)
    assert result.stderr.count("\n") == 1


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("longtailor.runs.fit.fit_run", fail)
    result = call("fit", tmp_path / "a.csv", "--out", tmp_path / "run")
    assert isinstance(result.exception, ZeroDivisionError)


def test_options_become_values() -> None:
    assert names(None) is None
    assert names(" sleeve, fit,,") == ["sleeve", "fit"]
    assert parse_bands("50,5") == Bands(50, 5)
    with pytest.raises(UsageError, match="'5,50'"):
        parse_bands("5,50")


def test_messages_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    message("é\r\nb\u2028c")
    assert capsys.readouterr() == ("", "é\\r\\nb\\u2028c\n")


@pytest.mark.usefixtures("light_encoder", "no_report")
def test_results_go_to_standard_output_and_messages_to_standard_error(
    shop: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    result = call("fit", shop, "--out", run)
    assert result.exit_code == 0
    assert result.stdout.startswith(" ")
    assert "mAP, tail" in result.stdout
    assert result.stdout.count("\n") == 11
    assert result.stderr == f"wrote {run / 'report.html'}\n"
    assert "\x1b" not in result.output
    again = call("fit", shop, "--out", run, "--resume")
    assert (again.stdout, again.stderr) == ("", f"{run} is finished already\n")
    result = call("evaluate", run, shop, "--split", "val")
    assert "products (val)" in result.stdout
    assert result.stderr == ""
    result = call("predict", run, shop, "--out", tmp_path / "out.csv")
    assert (result.stdout, result.stderr) == (
        "",
        f"scored 120 products: {tmp_path / 'out.csv'}\n",
    )


@pytest.mark.usefixtures("light_encoder", "no_report")
def test_json_is_one_object_and_nothing_else(shop: Path, tmp_path: Path, make_shop: Any) -> None:
    run = tmp_path / "run"
    call("fit", shop, "--out", run)
    result = call("evaluate", run, shop, "--json")
    found = json.loads(result.stdout)
    assert found == {"test": json.loads((run / "metrics.json").read_text())["test"]}
    assert result.stdout.count("\n") == 1
    other = make_shop(tmp_path / "other", {"short": 5, "puff": 3}, seed=3)
    (other.parent / "images" / "000.png").unlink()
    result = call("evaluate", run, other, "--json")
    assert json.loads(result.stdout)["all"]["products"] == 7
    assert "row 2" in result.stderr


@pytest.mark.usefixtures("light_encoder", "no_report")
def test_predict_decides_labels_independently_when_told(shop: Path, tmp_path: Path) -> None:
    import polars as pl

    call("fit", shop, "--out", tmp_path / "run")
    for extra, exactly_one in (([], True), (["--independent"], False)):
        out = tmp_path / "out.csv"
        assert call("predict", tmp_path / "run", shop, "--out", out, *extra).exit_code == 0
        sleeves = pl.read_csv(out).filter(pl.col("label").str.starts_with("sleeve:"))
        counts = sleeves.group_by("id").agg(pl.col("predicted").sum())["predicted"]
        assert (counts == 1).all() == exactly_one
