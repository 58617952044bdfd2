"""`compare` and `curve` from the command line: contract, bad input, kill and resume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from longtailor.cli.main import app

pytestmark = pytest.mark.usefixtures("light_encoder", "no_pages")

SCRIPT = """
import importlib.util, signal, sys, time
from pathlib import Path
import pytest
# A shell that started the tests in the background made them deaf to it.
signal.signal(signal.SIGINT, signal.default_int_handler)
spec = importlib.util.spec_from_file_location("conftest", {conftest!r})
conftest = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conftest)
patch = pytest.MonkeyPatch()
conftest.light_encoder.__wrapped__(patch, Path({tmp!r}))
patch.setattr("longtailor.runs.compare.build_comparison", lambda *args: "<p>")
patch.setattr("longtailor.runs.curve.build_curve", lambda *args: "<p>")
from longtailor.studies.store import FitStore
put = FitStore.put
def slow(self, task, fit):
    put(self, task, fit)
    print("finished", flush=True)
    time.sleep(0.2)
FitStore.put = slow
sys.argv = ["longtailor", *{arguments!r}]
from longtailor.cli.main import main
main()
"""

COMPARE = ("compare", "--objectives", "none,asl,inverse_frequency", "--seeds", "2")
CURVE = ("curve", "--objectives", "none,asl", "--seeds", "2", "--budgets", "0.3,1")


@pytest.fixture
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares tests that are not about the pages the seconds that their plots take."""
    monkeypatch.setattr("longtailor.runs.compare.build_comparison", lambda *args: "<p>")
    monkeypatch.setattr("longtailor.runs.curve.build_curve", lambda *args: "<p>")


def call(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def status(run: Path) -> str:
    return str(json.loads((run / "run.json").read_text())["status"])


def begun(tmp_path: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start a real process that prints a line after each fit."""
    conftest = Path(__file__).parents[1] / "conftest.py"
    text = SCRIPT.format(
        conftest=str(conftest), tmp=str(tmp_path), arguments=[str(one) for one in arguments]
    )
    return subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give all leaves of a JSON object."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(one, f"{path}/{key}")
    else:
        yield path, value


def test_a_comparison_from_the_command_line(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    result = call(*COMPARE, shop, "--out", out, "--json", "--attributes", "sleeve,detail")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told == json.loads((out / "comparison.json").read_text())
    assert list(told["objectives"]) == ["none", "asl", "inverse_frequency"]
    assert set(told["objectives"]["none"]["map"]) == {"mean", "low", "high", "seeds"}
    assert set(told["paired"][0]) >= {"a", "b", "metric", "difference", "low", "high"}
    assert list(told["separately"]) == ["sleeve", "detail"]
    assert isinstance(told["headline"], str)
    record = json.loads((out / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["configuration"]["objectives"] == ["none", "asl", "inverse_frequency"]
    assert len(record["fits"]) == len(list((out / "fits").iterdir())) == 3 * 2 * 3
    assert (out / "comparison.html").read_text() == "<p>"


def test_a_curve_from_the_command_line(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    result = call(
        *CURVE, shop, "--out", out, "--json", "--labels", "sleeve:short", "--positives", "2,6"
    )
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told == json.loads((out / "curve.json").read_text())
    assert told["budgets"] == [0.3, 1.0]
    for metrics in told["objectives"].values():
        assert [set(one) >= {"mean", "low", "high"} for one in metrics["map"]] == [True, True]
    assert told["labels"][0]["positives"] == [2, 6]
    assert status(out) == "finished"
    assert (out / "curve.html").read_text() == "<p>"


@pytest.mark.parametrize("command", [COMPARE, CURVE])
def test_the_terminal_gets_a_table_and_the_headline(
    shop: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    result = call(*command, shop, "--out", tmp_path / "study")
    assert result.exit_code == 0
    name = {"compare": "comparison.json", "curve": "curve.json"}[command[0]]
    headline = json.loads((tmp_path / "study" / name).read_text())["headline"]
    assert result.stdout.startswith(headline)
    assert "asl" in result.stdout.splitlines()[1]
    assert "95 % interval" in result.stdout
    assert result.stderr.count("\n") == 1
    assert "wrote" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(("command", "at"), [(COMPARE, 1), (COMPARE, 4), (CURVE, 3)])
def test_a_killed_study_goes_on_and_gives_the_same_numbers(
    shop: Path, tmp_path: Path, command: tuple[str, ...], at: int
) -> None:
    out, other = tmp_path / "study", tmp_path / "undisturbed"
    process = begun(tmp_path, *command, shop, "--out", out)
    assert process.stdout is not None
    for _ in range(at):
        assert process.stdout.readline() == "finished\n", process.communicate()[1]
    # Somewhere in a fit, or while one is written.
    time.sleep(0.01 * at)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert status(out) == "running"
    kept = {file.name: file.read_bytes() for file in (out / "fits").glob("[!.]*")}
    assert at <= len(kept) < 8
    again = call(*command, shop, "--out", out, "--resume", "--json")
    assert again.exit_code == 0, again.stderr
    for name, content in kept.items():
        assert (out / "fits" / name).read_bytes() == content
    undisturbed = call(*command, shop, "--out", other, "--json")
    assert again.stdout == undisturbed.stdout
    finished = call(*command, shop, "--out", out, "--resume", "--json")
    assert (finished.exit_code, finished.stdout) == (0, again.stdout)
    assert "finished already" in finished.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_an_interrupted_study_ends_promptly_and_goes_on(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    process = begun(tmp_path, *COMPARE, shop, "--out", out)
    assert process.stdout is not None
    assert process.stdout.readline() == "finished\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert told.startswith("longtailor: interrupted")
    assert told.count("\n") == 1
    assert status(out) == "running"
    assert call(*COMPARE, shop, "--out", out).exit_code == 0
    assert status(out) == "finished"
    assert not list(tmp_path.glob("study.*"))


def test_damaged_fits_are_made_again(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    first = call(*COMPARE, shop, "--out", out, "--json")
    for number, file in enumerate(sorted((out / "fits").iterdir())):
        file.write_bytes(file.read_bytes()[: 100 * number])
    assert call(*COMPARE, shop, "--out", out, "--json").stdout == first.stdout


def test_another_study_moves_the_earlier_aside(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    assert call(*COMPARE, shop, "--out", out).exit_code == 0
    refused = call(*COMPARE, shop, "--out", out, "--share", "0.5", "--resume")
    assert refused.exit_code == 2
    assert "begun with another configuration" in refused.stderr
    assert call(*COMPARE, shop, "--out", out, "--share", "0.5").exit_code == 0
    assert status(tmp_path / "study.1") == status(out) == "finished"


def test_a_failing_objective_is_told_and_the_others_are_finished(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from longtailor.studies import fits

    fit_detector = fits.fit_detector

    def broken(data: Any, options: Any, **more: Any) -> Any:
        if options.objective == "asl" and options.seed == 1:
            raise RuntimeError("no minimum")
        return fit_detector(data, options, **more)

    monkeypatch.setattr(fits, "fit_detector", broken)
    result = call(*COMPARE, shop, "--out", tmp_path / "study", "--json")
    assert result.exit_code == 0
    assert "failed: asl, seed 1" in result.stderr
    told = json.loads(result.stdout)
    assert [(one["objective"], one["seed"]) for one in told["failures"]] == [("asl", 1)]
    assert told["objectives"]["asl"]["map"]["seeds"][1] is None
    assert None not in told["objectives"]["none"]["map"]["seeds"]
    assert not [value for _, value in numbers(told) if value != value]


@pytest.mark.parametrize(
    ("command", "more", "told"),
    [
        ("compare", ["--objectives", "none,effective_numbr"], "effective_number"),
        ("compare", ["--objectives", "none"], "two objectives or more"),
        ("compare", ["--objectives", "none,asl:beta=1"], "asl has no parameter 'beta'"),
        ("compare", ["--objectives", "none,none"], "give it once"),
        ("compare", ["--share", "0"], "share 0"),
        ("compare", ["--bands", "1,2"], "bands"),
        ("curve", ["--budgets", "0.5,0.1"], "rising"),
        ("curve", ["--budgets", "a"], "--budgets 'a'"),
        ("curve", ["--metric", "accuracy"], "metric 'accuracy'"),
        ("curve", ["--labels", "sleeve:balloon"], "'sleeve:balloon' is none of those"),
        ("curve", ["--labels", "sleeve:bell", "--positives", "3,99"], "sleeve:bell has"),
        ("curve", ["--positives", "3"], "of which labels"),
    ],
)
def test_wrong_usage_is_told_in_one_line(
    shop: Path, tmp_path: Path, command: str, more: list[str], told: str
) -> None:
    result = call(command, shop, "--out", tmp_path / "study", *more)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list((tmp_path / "study").glob("fits/*"))
