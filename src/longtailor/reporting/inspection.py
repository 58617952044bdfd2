"""An inspection as text for a terminal, and as a folder of page, picture and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from longtailor.catalog.formulas import guard_formulas
from longtailor.catalog.inspection import Inspection, LabelCounts
from longtailor.files import replacing, write_json, write_text
from longtailor.labels import BANDS, HEAD, MEDIUM, TAIL
from longtailor.reporting.page import any_script, figure_data_uri, render
from longtailor.reporting.photos import thumbnail
from longtailor.reporting.tail_plot import plot_tail
from longtailor.reporting.together_plot import plot_together
from longtailor.studies.label_errors import LabelErrors

_BAND_STYLES = {HEAD: "blue", MEDIUM: "green", TAIL: "red"}
_LISTED = 12
_CHART = 40
_LETTERS = 280


def inspection_json(inspection: Inspection, errors: LabelErrors | None = None) -> dict[str, Any]:
    """Give an inspection, and likely label errors where they were looked for, as JSON values."""
    found = inspection.to_dict()
    return found if errors is None else {**found, "label_errors": errors.to_dict()}


def print_inspection(
    inspection: Inspection, console: Console, errors: LabelErrors | None = None
) -> None:
    """Print what matters most of an inspection; what is long is cut, and said to be."""
    parts = _parts(inspection, console.width)
    if errors is not None:
        parts += _label_errors(errors)
    console.print(Group(*parts))


def write_inspection(
    inspection: Inspection, folder: Path, errors: LabelErrors | None = None
) -> None:
    """Write `inspection.json`, `inspection.html`, `tail.png`, and `label_errors.csv` if looked for.

    Raises
    ------
    LongtailorError
        If a file cannot be written.
    """
    figure = plot_tail(
        [counts.label for counts in inspection.labels],
        [counts.train_positive for counts in inspection.labels],
        [counts.band for counts in inspection.labels],
    )
    together = plot_together(inspection.catalog.space.labels, inspection.catalog.matrix)
    write_json(folder / "inspection.json", inspection_json(inspection, errors))
    if errors is not None:
        _write_label_errors(folder / "label_errors.csv", errors)
    page = render(
        "inspection.html",
        name=inspection.catalog.name,
        found=inspection.to_dict(),
        labels=most_first(inspection.labels),
        bands={band: len(in_band(inspection, band)) for band in BANDS},
        tail=figure_data_uri(figure),
        tail_width=int(figure.get_figwidth() * 96),
        together=figure_data_uri(together),
        together_width=int(together.get_figwidth() * 96),
        errors=None if errors is None else _pictured(errors),
    )
    write_text(folder / "inspection.html", page)
    with replacing(folder / "tail.png") as temporary, any_script():
        figure.savefig(temporary, dpi=150)


def _write_label_errors(path: Path, errors: LabelErrors) -> None:
    names = ("id", "image", "attribute", "given", "suggested")
    schema = {**dict.fromkeys(names, pl.String()), "doubt": pl.Float64()}
    with replacing(path) as temporary:
        guard_formulas(pl.DataFrame(errors.rows(), schema=schema)).write_csv(temporary)


def _pictured(errors: LabelErrors) -> dict[str, Any]:
    """Give the first disputes of each attribute with their photos or texts."""
    rows, products = errors.rows(), errors.disputes.products.tolist()
    attributes: dict[str, list[dict[str, Any]]] = {name: [] for name in errors.counts}
    for row, product in zip(rows, products, strict=True):
        shown = attributes[row["attribute"]]
        if len(shown) < _LISTED:
            photo = thumbnail(errors.catalog.images[product])
            text = None if photo else errors.catalog.texts[product]
            shown.append({**row, "photo": photo, "text": text and text[:_LETTERS]})
    return {"counts": errors.counts, "attributes": attributes, "not_judged": errors.not_judged}


def _label_errors(errors: LabelErrors) -> list[RenderableType]:
    counts = ", ".join(f"{name} {count:,}" for name, count in errors.counts.items())
    rows = errors.rows()
    lines = [
        f"{row['id']}: {row['given'] or 'nothing'} -> {row['suggested'] or 'nothing'} "
        f"({row['doubt']:.3f})"
        for row in rows[:_LISTED]
    ] + [""] * max(0, len(rows) - _LISTED)
    by_attribute: list[RenderableType] = [Text(f"By attribute: {counts}", overflow="fold"), ""]
    return [
        *_list("Likely label errors, most doubtful first (given -> suggested)", lines),
        *(by_attribute if counts else []),
        *_list("Not judged: too few positives", errors.not_judged),
    ]


def most_first(labels: Sequence[LabelCounts]) -> list[LabelCounts]:
    """Sort labels by training positives, most first."""
    return sorted(labels, key=lambda counts: -counts.train_positive)


def in_band(inspection: Inspection, band: str) -> list[LabelCounts]:
    """Give the labels of a band."""
    return [counts for counts in inspection.labels if counts.band == band]


def _parts(inspection: Inspection, width: int) -> list[RenderableType]:
    parts: list[RenderableType] = [*_heading(inspection), "", _attribute_table(inspection), ""]
    parts += [_tail_chart(inspection, longest_bar=max(4, min(20, width - 58))), ""]
    parts += _rare(inspection)
    parts += _pairs(inspection)
    parts += _images(inspection)
    parts += _complaints(inspection)
    return parts


def _heading(inspection: Inspection) -> list[RenderableType]:
    found = inspection.to_dict()
    splits = ", ".join(f"{name} {count:,}" for name, count in inspection.splits.items())
    if inspection.carved:
        given = (f"{name or 'no split'} {count:,}" for name, count in inspection.given.items())
        splits += f" (carved; the file gives {', '.join(given)})"
    bands = ", ".join(f"{len(in_band(inspection, band))} {band}" for band in BANDS)
    mean = inspection.mean_imbalance
    lines = [
        str(inspection.catalog.source or "catalogue"),
        f"{found['products']:,} products, {found['with_image']:,} with an image, "
        f"{found['with_text']:,} with a text",
        splits,
        f"{len(inspection.labels)} labels: {bands} (bands {inspection.bands})",
    ]
    if mean is not None:
        lines.append(f"mean imbalance ratio {mean:,.1f} (most frequent label : label, in train)")
    return [Text(line, style="" if at else "bold") for at, line in enumerate(lines)]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column(columns[0], overflow="fold")
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _attribute_table(inspection: Inspection) -> Table:
    table = _table("Attributes", "attribute", "values", "known", "unknown", "exclusive")
    for counts in inspection.attributes:
        table.add_row(
            Text(counts.attribute),
            f"{counts.values:,}",
            f"{counts.known:,}",
            f"{counts.unknown:,}",
            "yes" if counts.exclusive else "no",
        )
    return table


def _tail_chart(inspection: Inspection, longest_bar: int) -> Table:
    labels = most_first(inspection.labels)
    title = "The tail: training positives (bars are square roots), then val and test"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("label", overflow="ellipsis", max_width=30)
    table.add_column("band", no_wrap=True, min_width=len(MEDIUM))
    table.add_column("", no_wrap=True, overflow="crop")
    most = max(1, labels[0].train_positive)
    for name in ("train", "val", "test"):
        # A cut name can be guessed, a cut figure misleads.
        table.add_column(name, justify="right", no_wrap=True, min_width=len(f"{most:,}"))
    hidden = len(labels) - _CHART
    # The middle is the least telling part of a long list: keep both ends.
    shown = labels if hidden <= 0 else labels[: _CHART // 4] + labels[-3 * _CHART // 4 :]
    for place, counts in enumerate(shown):
        if hidden > 0 and place == _CHART // 4:
            table.add_row(Text(f"... {hidden} labels between ...", style="dim"))
        bar = "█" * round(longest_bar * (counts.train_positive / most) ** 0.5)
        table.add_row(
            Text(counts.label),
            Text(counts.band),
            Text(bar or ("▏" if counts.train_positive else ""), style=_BAND_STYLES[counts.band]),
            f"{counts.train_positive:,}",
            f"{counts.val_positive:,}",
            f"{counts.test_positive:,}",
        )
    return table


def _rare(inspection: Inspection) -> list[RenderableType]:
    return [
        *_list(
            f"Too rare to learn (fewer than {inspection.min_positives} training positives)",
            inspection.too_rare_to_learn,
        ),
        *_list("Too rare to measure (no positive in test)", inspection.too_rare_to_measure),
    ]


def _pairs(inspection: Inspection) -> list[RenderableType]:
    if not inspection.pairs:
        return []
    table = _table("Labels that go together", "labels", "together", "times chance")
    for pair in inspection.pairs[:_LISTED]:
        table.add_row(Text(f"{pair.a} + {pair.b}"), f"{pair.together:,}", f"{pair.lift:,.1f}")
    return [table, ""]


def _images(inspection: Inspection) -> list[RenderableType]:
    images = inspection.images
    if images is None:
        return []
    return [
        Text(f"Images: {images.read:,} compared", style="bold"),
        "",
        *_list("Cannot be decoded", [reason for _, reason in images.broken]),
        *_list("Identical files", [" = ".join(group) for group in images.identical]),
        *_list(
            "Near-duplicates (grey dHash; colours are not compared)",
            [" ~ ".join(group) for group in images.similar],
        ),
        *_list(
            "Leaks: in two splits at once",
            [
                f"{leak['product']} ({leak['split']}) "
                f"{'=' if leak['identical'] else '~'} {leak['other']} ({leak['other_split']})"
                for leak in images.leaks
            ],
        ),
        *_list(
            "Identical images, contradicting labels",
            [
                f"{' = '.join(each['products'])}: {', '.join(each['labels'])}"
                for each in images.disagreements
            ],
        ),
    ]


def _complaints(inspection: Inspection) -> list[RenderableType]:
    skips = inspection.catalog.skipped
    return [
        *_list("Groups that the file spreads over splits", inspection.spread_groups),
        *_list("Warnings", inspection.catalog.warnings),
        *_list("Skipped", [f"row {skip.row}: {skip.what}: {skip.reason}" for skip in skips]),
    ]


def _list(title: str, items: Sequence[str]) -> list[RenderableType]:
    if not items:
        return []
    lines: list[RenderableType] = [Text(f"{title}: {len(items):,}", style="bold")]
    lines += [Text(f"  {item}", overflow="fold") for item in items[:_LISTED]]
    if len(items) > _LISTED:
        lines.append(Text(f"  ... and {len(items) - _LISTED:,} more", style="dim"))
    return [*lines, ""]
