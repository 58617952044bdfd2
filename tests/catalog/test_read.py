from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from longtailor.catalog import Catalog, Skip
from longtailor.errors import CatalogError

HEADER = "id,image,text,split,group,sleeve,fit\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(b"not read here")
    return tmp_path


def read(folder: Path, content: str, name: str = "products.csv", **options: Any) -> Catalog:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return Catalog.read(path, **options)


def test_a_catalogue_is_read_as_it_is_written(folder: Path) -> None:
    catalog = read(
        folder,
        HEADER
        + "1,a.jpg,,train,g,puff,loose\n2,b.jpg,a blouse,,,puff|cap,\n3,,a skirt,test,,-,tight\n",
    )
    assert catalog.ids == ("1", "2", "3")
    assert catalog.images == (folder / "a.jpg", folder / "b.jpg", None)
    assert catalog.texts == (None, "a blouse", "a skirt")
    assert catalog.split.tolist() == ["train", "", "test"]
    assert catalog.group.tolist() == ["g", "", ""]
    assert catalog.rows.tolist() == [2, 3, 4]
    assert catalog.space.labels == ("sleeve:cap", "sleeve:puff", "fit:loose", "fit:tight")
    assert catalog.space.exclusive == {"fit"}
    assert catalog.matrix.dtype == np.int8
    assert catalog.matrix.tolist() == [[0, 1, 1, 0], [1, 1, -1, -1], [0, 0, 0, 1]]
    assert (catalog.warnings, catalog.skipped) == ((), ())


def test_every_format_gives_the_same_fingerprint(folder: Path) -> None:
    rows = [
        {"id": "1", "image": "a.jpg", "text": "", "split": "train", "sleeve": "puff|cap"},
        {"id": "2", "image": "b.jpg", "text": "x", "split": "", "sleeve": "-"},
        {"id": "3", "image": "c.jpg", "text": "y", "split": "val", "sleeve": ""},
    ]
    pl.DataFrame(rows).write_csv(folder / "p.csv")
    pl.DataFrame(rows).write_csv(folder / "p.tsv", separator="\t", line_terminator="\r\n")
    listed = [row | {"sleeve": row["sleeve"].split("|") if row["sleeve"] else None} for row in rows]
    (folder / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in listed))
    pl.DataFrame(listed).write_parquet(folder / "p.parquet")
    read_back = [Catalog.read(folder / f"p.{s}") for s in ("csv", "tsv", "jsonl", "parquet")]
    assert len({catalog.fingerprint for catalog in read_back}) == 1
    for catalog in read_back:
        assert catalog.matrix.tolist() == [[1, 1], [0, 0], [-1, -1]]
        assert catalog.images == read_back[0].images


def test_tags_are_filtered_by_attribute(folder: Path) -> None:
    content = "text,labels,price\nfoo,a:x|b:y,10\nbar,a:?,20\n"
    assert read(folder, content).space.labels == ("a:x", "b:y")
    assert read(folder, content, attributes=["b"]).space.labels == ("b:y",)
    with pytest.raises(CatalogError, match="no attribute 'price'; it has"):
        read(folder, content, attributes=["price"])


def test_picked_columns_are_taken_whatever_they_look_like(folder: Path) -> None:
    content = "text,price,a\n" + "".join(f"t,{i % 60},x{i % 3}\n" for i in range(200))
    by_itself = read(folder, content)
    assert by_itself.space.attributes == ("a",)
    assert "'price' is left out: 60 different values in 200 products" in by_itself.warnings[0]
    assert read(folder, content, attributes=["price"]).space.attributes == ("price",)
    assert read(folder, content, attributes=["a", "price"]).space.attributes == ("price", "a")


def test_without_ids_images_and_rows_name_the_products(folder: Path) -> None:
    catalog = read(folder, "image,text,a\na.jpg,,x\n,foo,y\n")
    assert catalog.ids == ("a.jpg", "3")


def test_images_are_looked_for_where_they_are_said_to_be(folder: Path) -> None:
    (folder / "photos").mkdir()
    (folder / "photos" / "d.jpg").touch()
    catalog = read(folder, "image,a\nd.jpg,x\n", images=folder / "photos")
    assert catalog.images == (folder / "photos" / "d.jpg",)
    with pytest.raises(CatalogError, match=r"images folder .*nowhere does not exist"):
        read(folder, "image,a\nd.jpg,x\n", images=folder / "nowhere")


def test_what_cannot_be_used_is_skipped_and_listed(folder: Path) -> None:
    content = "image,text,a\na.jpg,,x\nmissing.jpg,,y\n../b.jpg,kept,z\n,,x\n,,\n"
    catalog = read(folder, content)
    assert catalog.rows.tolist() == [2, 4]
    assert catalog.images == (folder / "a.jpg", None)
    assert catalog.space.labels == ("a:x", "a:z")
    assert catalog.skipped == (
        Skip(3, "image 'missing.jpg'", f"no such file in {folder}"),
        Skip(4, "image '../b.jpg'", f"leads out of the images folder {folder}; kept for its text"),
        Skip(5, "product", "has neither an image nor a text"),
        Skip(6, "row", "empty"),
    )
    with pytest.raises(CatalogError, match=r"products.csv, row 3: image 'missing.jpg': no such"):
        read(folder, content, strict=True)


def test_other_names_of_val_are_read_and_told(folder: Path) -> None:
    catalog = read(folder, "text,split,a\nfoo,dev,x\nbar,validation,y\nbaz,valid,x\n")
    assert catalog.split.tolist() == ["val", "val", "val"]
    assert len(catalog.warnings) == 3


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        ("text,a\nfoo,x\nbar,x\n", "'a:x' is positive in every product where it is known"),
        ("text,a\nfoo,x\nbar, y\n", "column 'a': blanks around 1 values"),
        ("text,a,b\nfoo,x,\nbar,y,-\n", "attribute 'b' has no value and is left out"),
        ("text,a,A\nfoo,x,x\nbar,y,y\n", "attributes 'a' and 'A' differ by case"),
        ("text,a,Split\nfoo,x,p\nbar,y,q\n", "'Split' is not read as 'split'"),
        ("text,a\nfoo,x\nbar,N/A\n", "value 'N/A' is read as a label; leave the cell empty"),
        ("text,labels\nfoo,a:x\nbar,a:nan\n", "value 'nan' is read as a label"),
        ("text,a,\nfoo,x,1\nbar,y,2\n", "columns without a name"),
    ],
)
def test_what_looks_wrong_is_kept_and_told(folder: Path, content: str, warning: str) -> None:
    assert any(warning in each for each in read(folder, content).warnings)


def test_a_single_value_with_negatives_is_an_ordinary_label(folder: Path) -> None:
    catalog = read(folder, "text,a\nfoo,x\nbar,-\n")
    assert catalog.warnings == ()
    assert catalog.space.exclusive == frozenset()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("img,a\na.jpg,x\n", "no column 'image' or 'text'; it has 'img', 'a'; rename 'img' to 'im"),
        ("price,a\n1,x\n", "no column 'image' or 'text'; it has 'price', 'a'$"),
        ("text;a\nfoo;x\n", "separate columns by commas"),
        ("text,id\nfoo,1\n", "has no attribute: add one column"),
        ("text,a\nfoo,\nbar,?\n", "no label is known; every cell of 'a'"),
        ("text,a\nfoo,-\n", "no label is known"),
        ("text,labels\nfoo,\n", "column 'labels': holds no tag"),
        ("text,labels\nfoo,puff\n", "row 2, column 'labels': the tag 'puff'"),
        ("text,labels\nfoo,a:?\n", "no label is known"),
        ("text,a:b\nfoo,x\n", "column 'a:b': an attribute's name cannot hold"),
        ("text,id,a\nfoo,1,x\nbar,2,y\nbaz,1,x\n", "'id': rows 2 and 4 are both '1'"),
        ("text,id,a\nfoo,1,x\nbar,,y\n", "row 3, column 'id': is empty"),
        ("image,a\na.jpg,x\na.jpg,y\n", "'image': rows 2 and 3 are both 'a.jpg'; add an 'id'"),
        ("text,split,a\nfoo,train,x\nbar,Train,y\n", "row 3, column 'split': 'Train' is no split"),
        (
            "image,a\nno.jpg,x\nnope.jpg,y\n",
            "none of the 2 products can be used; row 2: .*--images",
        ),
        ("text,a\n,\n,\n", "every row is empty"),
        ("text,a\n,x\n", "row 2: product: has neither"),
    ],
)
def test_mistakes_are_told_in_one_line(folder: Path, content: str, message: str) -> None:
    with pytest.raises(CatalogError, match=message) as caught:
        read(folder, content)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(folder / "products.csv"))


def test_an_unknown_attribute_is_told_with_the_nearest_first(folder: Path) -> None:
    content = "text,fit,sleeves,neck\nfoo,x,y,z\n"
    with pytest.raises(CatalogError, match="no attribute 'sleeve'; it has 'sleeves', "):
        read(folder, content, attributes=["fit", "sleeve"])
    with pytest.raises(CatalogError, match="no attribute is picked"):
        read(folder, content, attributes=[])
    with pytest.raises(CatalogError, match="no attribute 'text'"):
        read(folder, content, attributes=["text"])


def test_columns_of_objects_are_left_out_unless_they_are_needed(folder: Path) -> None:
    line = '{"text": "foo", "a": "x", "meta": {"q": 1}}\n{"text": "bar", "a": "y"}\n'
    catalog = read(folder, line, "p.jsonl")
    assert catalog.space.attributes == ("a",)
    assert catalog.warnings == ("column 'meta' is left out: it holds an object (row 1)",)
    with pytest.raises(CatalogError, match="column 'meta': holds an object"):
        read(folder, line, "p.jsonl", attributes=["meta"])
    with pytest.raises(CatalogError, match="column 'image': holds an object"):
        read(folder, '{"image": {"bytes": 1}, "labels": {"a": 1}}\n', "p.jsonl")


@pytest.mark.parametrize(
    ("name", "products", "labels", "exclusive"),
    [
        ("clothing_coparsing", 2098, 53, 0),
        ("deepfashion6", 6000, 26, 6),
        ("fashion_products", 9583, 169, 7),
        ("tshirts_partial", 2222, 18, 3),
        ("tweet_emotions", 7724, 11, 0),
    ],
)
def test_the_real_catalogues_are_read_whole(
    shared_data: Path, name: str, products: int, labels: int, exclusive: int
) -> None:
    path = shared_data / name / "catalog.csv"
    catalog = Catalog.read(path, strict=True)
    assert catalog.matrix.shape == (products, labels)
    assert len(catalog.space.exclusive) == exclusive
    assert catalog.warnings == ()


@pytest.mark.parametrize(
    "name", ["clothing_coparsing", "deepfashion6", "fashion_products", "tshirts_partial"]
)
def test_the_real_catalogues_count_as_their_authors_counted(shared_data: Path, name: str) -> None:
    catalog = Catalog.read(shared_data / name / "catalog.csv")
    counts, test = catalog.statistics(), catalog.statistics("test").positive
    found = {
        label: [int(c[i]) for c in (counts.positive, counts.negative, counts.unknown, test)]
        for i, label in enumerate(catalog.space.labels)
    }
    renamed = {"sleeve_length": "sleeve"}  # tshirts_partial counts under another name
    with (shared_data / name / "label_counts.csv").open() as file:
        expected = {
            f"{renamed.get(row['attribute'], row['attribute'])}:{row['value']}": [
                int(row[column]) for column in ("positive", "negative", "unknown", "pos_test")
            ]
            for row in csv.DictReader(file)
        }
    assert found == expected
