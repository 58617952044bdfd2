from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from longtailor.cli.inspect import inspect
from longtailor.errors import CatalogError, LongtailorError, UsageError

app = typer.Typer()
app.command()(inspect)


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    rows = ["id,image,sleeve,fit,price"]
    for i in range(12):
        pixels = random.integers(0, 256, (6, 5, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((40, 48)).save(tmp_path / f"{i}.png")
        rows.append(f"p{i},{i}.png,{'puff' if i < 2 else 'cap'},{'loose' if i % 2 else ''},{i}.5")
    (tmp_path / "11.png").write_bytes((tmp_path / "10.png").read_bytes())
    rows.append("p12,gone.png,cap,tight,1")
    path = tmp_path / "products.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_the_summary_is_plain_text_when_piped(catalog: Path) -> None:
    result = CliRunner().invoke(app, [str(catalog), "--attributes", "sleeve, fit"])
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    for text in (
        "12 products, 12 with an image",
        "sleeve:puff",
        "p10 = p11",
        "row 14: image 'gone.png': no such file",
        "'fit:loose' is positive in every product",
        "Too rare to",
    ):
        assert text in " ".join(result.stdout.split())


def test_json_is_one_object_and_nothing_else(catalog: Path) -> None:
    result = CliRunner().invoke(app, [str(catalog), "--attributes", "sleeve", "--json"])
    found = json.loads(result.stdout)
    assert found["products"] == 12
    assert [label["label"] for label in found["labels"]] == ["sleeve:cap", "sleeve:puff"]
    assert found["images"]["identical"] == [["p10", "p11"]]
    assert found["skipped"] == [
        {"row": 14, "what": "image 'gone.png'", "reason": f"no such file in {catalog.parent}"}
    ]


def test_a_folder_gets_page_picture_and_json(catalog: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    options = [str(catalog), "--attributes", "sleeve", "--out", str(out), "--json"]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads((out / "inspection.json").read_text())
    assert str(out / "inspection.html") in result.stderr
    assert sorted(path.name for path in out.iterdir()) == [
        "inspection.html",
        "inspection.json",
        "tail.png",
    ]
    with Image.open(out / "tail.png") as picture:
        assert picture.width > 300
    quiet = CliRunner().invoke(app, options[:-1])
    assert quiet.stdout == ""


def test_bands_rarity_and_seed_are_settable(catalog: Path) -> None:
    options = ["--attributes", "sleeve", "--json", "--bands", "5,1", "--min-positives", "50"]
    found = json.loads(CliRunner().invoke(app, [str(catalog), *options]).stdout)
    assert [label["band"] for label in found["labels"]] == ["head", "medium"]
    assert found["too_rare_to_learn"] == ["sleeve:cap", "sleeve:puff"]
    thirds = CliRunner().invoke(app, [str(catalog), *options[:3], "--bands", "thirds"])
    assert json.loads(thirds.stdout)["bands"] == "thirds"


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (["--bands", "20,100"], UsageError, "bands '20,100'"),
        (["--attributes", "sleve"], CatalogError, "no attribute 'sleve'; it has 'sleeve'"),
        (["--strict"], CatalogError, "row 14: image 'gone.png': no such file"),
        (["--images", "/nowhere"], CatalogError, "/nowhere does not exist"),
    ],
)
def test_mistakes_are_told(
    catalog: Path, options: list[str], kind: type[LongtailorError], message: str
) -> None:
    result = CliRunner().invoke(app, [str(catalog), *options])
    assert isinstance(result.exception, kind)
    assert message in str(result.exception)


def test_a_broken_image_is_listed_and_strict_refuses_it(catalog: Path) -> None:
    (catalog.parent / "3.png").write_bytes(b"")
    (catalog.parent / "gone.png").write_bytes((catalog.parent / "4.png").read_bytes())
    found = json.loads(CliRunner().invoke(app, [str(catalog), "--json"]).stdout)
    (product, reason), *others = found["images"]["broken"]
    assert (product, others) == ("p3", [])
    assert "3.png" in reason
    result = CliRunner().invoke(app, [str(catalog), "--strict"])
    assert isinstance(result.exception, CatalogError)
    assert "3.png" in str(result.exception)


def test_a_catalogue_of_texts_has_no_images_to_compare(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("text,labels\nfoo,a:x\nbar,a:y\nbaz,a:x|a:y\n")
    assert json.loads(CliRunner().invoke(app, [str(path), "--json"]).stdout)["images"] is None
    assert "Images" not in CliRunner().invoke(app, [str(path)]).stdout


@pytest.mark.usefixtures("light_encoder")
def test_label_errors_are_listed_where_asked_for(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = [str(shop), "--label-errors"]
    result = CliRunner().invoke(app, [*options, "--json", "--out", str(out)])
    assert result.exit_code == 0, result.exception
    found = json.loads(result.stdout)["label_errors"]
    assert found["products"] == 120
    rows = (out / "label_errors.csv").read_text().splitlines()
    assert rows[0] == "id,image,attribute,given,suggested,doubt"
    assert len(rows) == 1 + len(found["disputed"]) > 1
    assert rows[1].startswith(found["disputed"][0]["id"] + ",")
    assert "Likely label errors" in (out / "inspection.html").read_text()
    shown = CliRunner().invoke(app, options).stdout
    assert f"Likely label errors, most doubtful first (given -> suggested): {len(rows) - 1}" in (
        " ".join(shown.split())
    )
    assert "label_errors" not in json.loads(CliRunner().invoke(app, [str(shop), "--json"]).stdout)
