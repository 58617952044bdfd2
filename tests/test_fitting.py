from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score

import longtailor
from longtailor import Catalog
from longtailor.encoders import Encoder
from longtailor.errors import CatalogError, LongtailorError, UsageError
from longtailor.fitting import FitOptions, Fitted, Stopwatch, embed_catalog, fit_embedded
from longtailor.fitting.tuned import over_budget
from longtailor.labels import Bands
from longtailor.training.deep.options import FineTuning

pytestmark = pytest.mark.usefixtures("light_encoder")


def fit_all(path: Path, **options: object) -> Fitted:
    chosen = FitOptions(**options)  # type: ignore[arg-type]
    return fit_embedded(embed_catalog(Catalog.read(path), chosen), chosen)


def rewrite(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Path:
    table = pl.read_csv(path, infer_schema=False).fill_null("")
    other = path.with_name("changed.csv")
    change(table).write_csv(other)
    return other


def test_a_detector_learns_and_comes_back_the_same(shop: Path, tmp_path: Path) -> None:
    detector = longtailor.fit(Catalog.read(shop), objective="inverse_frequency", seed=1)
    image = shop.parent / "images" / "000.png"
    before = detector.predict([image])
    detector.save(tmp_path / "saved")
    loaded = longtailor.Detector.load(tmp_path / "saved")
    assert loaded.predict([image]).equals(before)
    assert loaded.objective["name"] == "inverse_frequency"
    table = before.filter(pl.col("label").str.starts_with("sleeve:") & pl.col("predicted"))
    wanted = pl.read_csv(shop).row(0, named=True)["sleeve"]
    assert table["label"].to_list() == [f"sleeve:{wanted}"]


def test_the_figures_are_those_of_the_detector(shop: Path) -> None:
    fitted = fit_all(shop)
    catalog = fitted.data.catalog
    at = np.flatnonzero(catalog.in_split("test"))
    probabilities = fitted.detector.probabilities(fitted.data.embeddings[at])
    np.testing.assert_array_equal(probabilities, fitted.probabilities["test"])
    wanted = []
    for column in range(len(catalog.space)):
        cells = catalog.matrix[at, column]
        known = cells >= 0
        if (cells == 1).any():
            wanted.append(average_precision_score(cells[known], probabilities[known, column]))
    assert fitted.evaluations["test"].summary["map"] == pytest.approx(np.mean(wanted))
    assert float(np.mean(wanted)) > 0.8


def test_splits_are_disjoint_and_every_product_is_in_one(shop: Path) -> None:
    catalog = fit_all(shop).data.catalog
    assert len(catalog) == 120
    assert sum(catalog.in_split(split).sum() for split in ("train", "val", "test")) == 120
    assert {"train", "val", "test"} == set(catalog.split.tolist())


def test_labels_too_rare_are_left_out_and_listed(shop: Path) -> None:
    fitted = fit_all(shop, min_positives=3)
    assert fitted.data.dropped == {"sleeve:puff": 2}
    assert "sleeve:puff" not in fitted.detector.space.labels
    assert "sleeve" not in fitted.detector.space.exclusive
    with pytest.raises(CatalogError, match=r"no label has 1000 training positives .* has \d+ "):
        fit_all(shop, min_positives=1000)


def test_bands_are_those_asked_for(shop: Path) -> None:
    train = fit_all(shop).data.catalog.statistics("train").positive
    assert set(fit_all(shop, bands=Bands(10, 5)).bands[train >= 10]) == {"head"}
    thirds = fit_all(shop, bands=Bands(thirds=True)).bands
    assert (thirds == "tail").sum() == math.ceil(len(train) / 3)
    assert train[thirds == "tail"].max() <= train[thirds == "head"].min()
    assert longtailor.fit(Catalog.read(shop), bands="thirds").space.labels


def test_the_same_seed_gives_the_same_detector(shop: Path) -> None:
    one, again = fit_all(shop, seed=4), fit_all(shop, seed=4)
    np.testing.assert_array_equal(one.data.catalog.split, again.data.catalog.split)
    assert one.detector.classifier.weight.equal(again.detector.classifier.weight)
    np.testing.assert_array_equal(one.detector.thresholds, again.detector.thresholds)
    assert one.evaluations["test"].summary == again.evaluations["test"].summary


@pytest.mark.parametrize("name", longtailor.objectives.names())
def test_every_objective_fits_and_gives_finite_figures(
    make_shop, tmp_path: Path, name: str
) -> None:
    shop = make_shop(tmp_path / "s", {"short": 20, "long": 14, "cap": 8, "bell": 4})
    fitted = fit_all(shop, objective=name)
    summary = fitted.evaluations["test"].summary
    assert fitted.fit.objective.name == name
    for key in ("map", "f1_macro", "f1_macro_at_half", "brier", "ece"):
        assert 0 <= (summary[key] or 0) <= 1
        assert summary[key] is not None
    # Colours are easy: an objective that learns nothing would rank by chance, near 0.3.
    assert summary["map"] > 0.55  # type: ignore[operator]
    probabilities = fitted.probabilities["test"]
    assert np.isfinite(probabilities).all()
    assert probabilities.std(axis=0).min() > 0
    assert np.isfinite(fitted.detector.thresholds).all()


def test_beta_auto_tries_several_and_says_which_it_took(shop: Path) -> None:
    fitted = fit_all(shop, objective="effective_number:beta=auto")
    tried = {trial.beta for trial in fitted.fit.trials}
    assert {0.0, 0.9, 0.99, 0.999, 0.9999} == tried
    assert fitted.fit.chosen.beta in tried
    assert fitted.detector.objective["settings"]["beta"] == fitted.fit.chosen.beta
    best = max(trial.val_f1_at_half for trial in fitted.fit.trials if trial.beta is not None)
    assert fitted.fit.chosen.val_f1_at_half <= best


def test_an_unknown_objective_is_a_usage_error(shop: Path) -> None:
    with pytest.raises(UsageError, match="effective_number"):
        longtailor.fit(Catalog.read(shop), objective="efective_number")
    with pytest.raises(UsageError, match="beta"):
        longtailor.fit(Catalog.read(shop), objective="effective_number:beta=2")


def test_unknown_cells_take_no_part(shop: Path) -> None:
    """What stands behind an unknown cell cannot be told from the figures."""
    plain = fit_all(shop)
    unknown = plain.data.catalog.matrix == -1
    assert unknown.any()
    asked = rewrite(shop, lambda t: t.with_columns(pl.col("pattern").replace("", "?")))
    other = fit_all(asked)
    np.testing.assert_array_equal(plain.data.catalog.matrix, other.data.catalog.matrix)
    assert plain.evaluations["test"].summary == other.evaluations["test"].summary
    data = plain.data
    for split in ("val", "test"):
        known = data.catalog.matrix[data.catalog.in_split(split)] != -1
        statistics = plain.evaluations[split].statistics
        np.testing.assert_array_equal(statistics.positive + statistics.negative, known.sum(axis=0))


def test_tags_and_columns_say_the_same(shop: Path) -> None:
    """A catalogue of columns, written as tags with its unknown cells stated, gives its figures."""

    def to_tags(table: pl.DataFrame) -> pl.DataFrame:
        tags = []
        for row in table.iter_rows(named=True):
            own = [f"sleeve:{row['sleeve']}", f"pattern:{row['pattern'] or '?'}"]
            own += [f"detail:{value}" for value in row["detail"].split("|") if value != "-"]
            tags.append("|".join(own))
        return table.select("id", "image").with_columns(labels=pl.Series(tags))

    columns, tags = fit_all(shop), fit_all(rewrite(shop, to_tags))
    order = [tags.detector.space.labels.index(label) for label in columns.detector.space.labels]
    matrix = tags.data.catalog.matrix[:, order]
    assert (matrix == -1).sum() == (columns.data.catalog.matrix == -1).sum() > 0
    np.testing.assert_array_equal(matrix, columns.data.catalog.matrix)


def test_a_product_whose_cells_are_all_unknown_changes_no_training(shop: Path) -> None:
    splits = fit_all(shop).data.catalog.split.tolist()
    given = rewrite(shop, lambda t: t.with_columns(split=pl.Series(splits)))
    before = fit_all(given)
    blank = pl.DataFrame(
        {
            "id": ["x"],
            "image": ["images/000.png"],
            "sleeve": [""],
            "pattern": [""],
            "detail": [""],
            "split": ["test"],
        }
    )
    given_cells = pl.read_csv(given, infer_schema=False).fill_null("")
    pl.concat([given_cells, blank]).write_csv(given)
    after = fit_all(given)
    figures = dict(before.evaluations["test"].summary)
    # The intervals resample one product more.
    ours = {key: value for key, value in figures.items() if not key.endswith(("_low", "_high"))}
    assert after.evaluations["test"].summary == {
        **after.evaluations["test"].summary,
        **ours,
        "products": before.data.catalog.in_split("test").sum() + 1,
    }


def test_a_label_without_a_test_positive_is_skipped_and_never_zero(shop: Path) -> None:
    def only_in_train(table: pl.DataFrame) -> pl.DataFrame:
        split = ["train", "train", "train", "val", "test"] * 24
        return table.with_columns(split=pl.Series(split)).with_columns(
            split=pl.when(pl.col("sleeve") == "puff").then(pl.lit("train")).otherwise("split")
        )

    fitted = fit_all(rewrite(shop, only_in_train))
    test = fitted.evaluations["test"]
    puff = fitted.detector.space.labels.index("sleeve:puff")
    assert test.summary["labels_skipped"] == 1
    assert np.isnan([test.ap[puff], test.ap_low[puff], test.f1[puff], test.f1_at_half[puff]]).all()
    assert test.summary["map"] == pytest.approx(np.delete(test.ap, puff).mean())


def test_a_catalogue_of_train_only_has_a_val_and_no_test_figures(shop: Path) -> None:
    fitted = fit_all(rewrite(shop, lambda t: t.with_columns(split=pl.lit("train"))))
    summary = fitted.evaluations["test"].summary
    assert summary["products"] == 0
    assert {key for key, value in summary.items() if value is None} >= {
        "map",
        "map_low",
        "map_tail",
        "map_micro",
        "f1_macro",
        "f1_macro_at_half",
        "brier",
        "ece",
    }
    assert fitted.evaluations["val"].summary["map"] is not None
    assert fitted.warnings == ["there is no test split: its figures are null"]


def test_a_val_split_without_a_positive_is_warned_of(shop: Path) -> None:
    def blank_val(table: pl.DataFrame) -> pl.DataFrame:
        table = table.with_columns(split=pl.Series(["train", "train", "val", "test"] * 30))
        return table.with_columns(
            pl.when(pl.col("split") == "val").then(pl.lit("")).otherwise(name).alias(name)
            for name in ("sleeve", "pattern", "detail")
        )

    fitted = fit_all(rewrite(shop, blank_val))
    assert "the val split has no positive: its figures are null" in fitted.warnings
    assert fitted.evaluations["val"].summary["map"] is None
    assert fitted.evaluations["test"].summary["map"] is not None
    assert np.isfinite(fitted.detector.thresholds).all()
    predicted = fitted.detector.decide(fitted.probabilities["test"], exclusive=False)
    assert predicted.mean() < 0.7


@pytest.mark.parametrize("products", [1, 2, 3, 4])
def test_a_handful_of_products_fits_or_says_why_not(
    make_shop, tmp_path: Path, products: int
) -> None:
    shop = make_shop(tmp_path / "s", {"short": 1, "long": 1, "puff": 2})
    few = rewrite(shop, lambda t: t.head(products))
    fitted = fit_all(few, min_positives=1)
    assert np.isfinite(fitted.detector.thresholds).all()
    for summary in (one.summary for one in fitted.evaluations.values()):
        assert all(value is None or math.isfinite(value) for value in summary.values())


def test_an_attribute_with_one_value_is_warned_of_and_harmless(shop: Path) -> None:
    path = rewrite(shop, lambda t: t.with_columns(shop=pl.lit("ours")))
    catalog = Catalog.read(path)
    assert any("'shop:ours' is positive in every product" in text for text in catalog.warnings)
    fitted = fit_all(path)
    assert all(
        value is None or math.isfinite(value)
        for value in fitted.evaluations["test"].summary.values()
    )


def test_a_photo_in_two_splits_is_no_obstacle(shop: Path) -> None:
    images = sorted((shop.parent / "images").iterdir())
    for image in images[1:6]:
        image.write_bytes(images[0].read_bytes())
    splits = ["train", "val", "test"] * 40
    fitted = fit_all(rewrite(shop, lambda t: t.with_columns(split=pl.Series(splits))))
    assert fitted.evaluations["test"].summary["products"] == 40
    np.testing.assert_array_equal(fitted.data.embeddings[0], fitted.data.embeddings[5])


def test_broken_images_are_listed_and_strict_refuses_them(shop: Path) -> None:
    (shop.parent / "images" / "007.png").write_bytes(b"")
    (shop.parent / "images" / "011.png").write_text("no image")
    fitted = fit_all(shop)
    assert [skip.row for skip in fitted.data.catalog.skipped] == [9, 13]
    assert [skip.what for skip in fitted.data.catalog.skipped] == ["p7", "p11"]
    assert "007.png: the file is empty" in fitted.data.catalog.skipped[0].reason
    assert len(fitted.data.catalog) == len(fitted.data.embeddings) == 118
    with pytest.raises(CatalogError, match=r"row 9: .*007\.png: the file is empty"):
        fit_all(shop, strict=True)


def test_all_images_broken_is_one_error(make_shop, tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "s", {"short": 3, "long": 3})
    for image in (shop.parent / "images").iterdir():
        image.write_bytes(b"GIF89a")
    with pytest.raises(CatalogError, match=r"no image can be used; the first: .*000\.png"):
        fit_all(shop)


def test_texts_without_images_are_listed_and_strict_refuses_them(shop: Path) -> None:
    def texts(table: pl.DataFrame) -> pl.DataFrame:
        first = pl.int_range(pl.len()) == 0
        return table.with_columns(
            image=pl.when(first).then(pl.lit("")).otherwise("image"), text=pl.lit("a blouse")
        )

    path = rewrite(shop, texts)
    skipped = fit_all(path, inputs="image").data.catalog.skipped
    assert [(skip.row, skip.what) for skip in skipped] == [(2, "p0")]
    with pytest.raises(CatalogError, match="row 2: p0: has a text but no image"):
        fit_all(path, strict=True, inputs="image")
    with pytest.raises(CatalogError, match="no product has an image"):
        fit_all(rewrite(path, lambda t: t.with_columns(image=pl.lit(""))), inputs="image")


def test_embeddings_that_are_no_numbers_name_the_photo(
    shop: Path, light_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = lambda batch: np.full((len(batch), light_encoder.dim), np.nan, np.float32)  # noqa: E731
    object.__setattr__(
        light_encoder, "backend", type("B", (), {"name": "b", "__call__": staticmethod(broken)})()
    )
    with pytest.raises(LongtailorError, match=r"000\.png: .*NaN"):
        fit_all(shop)


def test_a_second_fit_reads_no_image(shop: Path) -> None:
    first = fit_all(shop)
    for image in (shop.parent / "images").iterdir():
        stat = image.stat()
        image.write_bytes(b"\0" * stat.st_size)
        import os

        os.utime(image, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert fit_all(shop).evaluations["test"].summary == first.evaluations["test"].summary


def test_durations_are_by_stage(shop: Path) -> None:
    watch = Stopwatch()
    options = FitOptions()
    fit_embedded(embed_catalog(Catalog.read(shop), options, watch), options, watch)
    assert list(watch.seconds) == [
        "load encoder",
        "embed",
        "split",
        "fit",
        "thresholds",
        "evaluate",
    ]
    assert all(seconds >= 0 for seconds in watch.seconds.values())


def test_one_pixel_is_an_image(shop: Path) -> None:
    Image.new("RGB", (1, 1)).save(shop.parent / "images" / "000.png")
    assert len(fit_all(shop).data.catalog) == 120


def test_a_time_budget_that_was_not_kept_is_told() -> None:
    tuning = FineTuning(time_budget=90.0)
    assert over_budget(None, 1e6) == over_budget(FineTuning(), 1e6) == over_budget(tuning, 90) == []
    (told,) = over_budget(tuning, 125.2)
    assert "90 s was exceeded: 125 s" in told
