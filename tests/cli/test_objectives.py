from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from longtailor.cli.objectives import objectives
from longtailor.errors import UsageError
from longtailor.objectives import names

APP = typer.Typer()
APP.command()(objectives)


def run(*arguments: str):
    return CliRunner().invoke(APP, list(arguments))


def test_lists_the_family():
    result = run()
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[: len(names())]] == names()


def test_shows_one():
    result = run("asl:margin=0.1")
    assert result.exit_code == 0
    assert "arXiv:2009.14119" in result.stdout
    assert "margin = 0.05, here 0.1" in result.stdout


def test_an_attribute_can_have_its_own(catalog):
    result = run("none;sleeve=inverse_frequency", "--catalog", str(catalog))
    assert result.exit_code == 0, result.exception
    assert "all others: none" in result.stdout
    assert "sleeve: inverse_frequency" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["sleeve:puff", "2", "8", "2", "0.6667", "1.099"] in rows


def test_auto_is_told_apart():
    assert "no objective but the recipe" in run("auto").stdout
    assert isinstance(run("auto", "--catalog", "x.csv").exception, UsageError)


def test_refuses_an_unknown_name():
    assert isinstance(run("focl").exception, UsageError)


@pytest.fixture
def catalog(tmp_path):
    file = tmp_path / "catalog.csv"
    rows = ["text,sleeve,split", *["a,puff,train"] * 2, *["b,long,train"] * 6, "c,puff,test"]
    file.write_text("\n".join(rows) + "\n")
    return file


def test_shows_what_the_weights_come_to_on_the_train_split(catalog):
    result = run("inverse_frequency", "--catalog", str(catalog))
    assert result.exit_code == 0, result.exception
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["label", "positive", "known", "w+", "w-", "shift"] in lines
    assert ["sleeve:puff", "2", "8", "2", "0.6667", "1.099"] in lines


def test_softmax_takes_the_exclusive_attributes(catalog):
    result = run("softmax+inverse_frequency", "--catalog", str(catalog))
    assert result.exit_code == 0, result.exception
    assert ["sleeve:puff", "2", "8", "1.5", "1.5", "0.4055"] in [
        line.split() for line in result.stdout.splitlines()
    ]


def test_says_where_there_is_no_table(catalog):
    assert "weighs cells" in str(run("db", "--catalog", str(catalog)).exception)
    assert "name it first" in str(run("--catalog", str(catalog)).exception)
