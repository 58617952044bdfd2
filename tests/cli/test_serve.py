from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from longtailor.cli.main import app
from longtailor.serving import ServeSettings
from longtailor.serving import run as serving_run


def call(*arguments: object, **environment: str) -> Any:
    given = [str(argument) for argument in arguments]
    return CliRunner().invoke(app, ["serve", *given], env=environment)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, ServeSettings]]:
    """What would have been served."""
    seen: list[tuple[Path, ServeSettings]] = []

    def serve(run: Path, settings: ServeSettings, announce: Any, review: Any = None) -> None:
        seen.append((run, settings))
        announce("http://127.0.0.1:8000")

    monkeypatch.setattr(serving_run, "serve_run", serve)
    return seen


def test_the_defaults_are_those_of_the_settings(served: Any) -> None:
    result = call("run")
    assert result.exit_code == 0
    assert served == [(Path("run"), ServeSettings())]
    assert result.stdout == ""
    assert result.stderr == "serving run at http://127.0.0.1:8000\n"


def test_options_reach_the_settings(served: Any) -> None:
    given = "--port 0 --allow-host Shop.Example --allow-host b --batch-size 3 --batch-wait 0.1"
    given += " --queue 9 --max-products 4 --max-megabytes 0.5 --max-megapixels 2 --max-text 7"
    assert call("run", *given.split(), "--timeout", 8, "--drain", 5).exit_code == 0
    assert served[0][1] == ServeSettings(
        port=0,
        allowed_hosts=("shop.example", "b"),
        batch_size=3,
        batch_wait=0.1,
        queue=9,
        max_products=4,
        max_megabytes=0.5,
        max_megapixels=2,
        max_text=7,
        timeout=8,
        drain=5,
    )


def test_who_can_be_reached_needs_a_token(served: Any) -> None:
    refused = call("run", "--host", "0.0.0.0")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("longtailor: --host 0.0.0.0 can be reached by others: set ")
    assert refused.stderr.count("\n") == 1
    assert not served
    assert call("run", "--host", "0.0.0.0", LONGTAILOR_TOKEN="secret").exit_code == 0
    assert call("run", "--host", "0.0.0.0", "--token", "other").exit_code == 0
    assert [settings.token for _, settings in served] == ["secret", "other"]
    assert call("run", "--host", "0.0.0.0", LONGTAILOR_TOKEN="").exit_code == 2


def test_what_is_no_run_is_told_in_one_line(tmp_path: Path) -> None:
    result = call(tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"longtailor: {tmp_path} holds no detector")


def test_an_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("longtailor.serving")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    result = call("run")
    assert result.exit_code == 1
    assert "pip install 'longtailor[serve]'" in result.stderr
