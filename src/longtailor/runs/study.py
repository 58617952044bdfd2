"""What the folders of `compare` and `curve` have in common."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from longtailor.catalog import Catalog
from longtailor.files import write_json, write_text
from longtailor.fitting import Embedded, FitOptions, Stopwatch, configuration
from longtailor.runs.fit import SKIPPED, Source
from longtailor.runs.record import close_run
from longtailor.runs.skips import write_skips

FITS = "fits"
"""Finished fits. A study goes on from them; once it is finished, they can be deleted."""


def read_source(source: Source, options: FitOptions, watch: Stopwatch) -> Catalog:
    """Read the catalogue of a study.

    Raises
    ------
    CatalogError
        If it is none.
    """
    with watch.stage("read"):
        return Catalog.read(
            source.catalog,
            images=source.images,
            attributes=source.attributes,
            strict=options.strict,
        )


def identify_study(
    command: str, source: Source, options: FitOptions, catalog: Catalog, **asked: Any
) -> dict[str, Any]:
    """Give what decides the figures of a study; `asked` are its own options."""
    settings = configuration(options)
    del settings["objective"]
    return {
        "command": command,
        "catalog": str(source.catalog),
        "configuration": {
            **asked,
            **settings,
            "images": None if source.images is None else str(source.images),
            "attributes": None if source.attributes is None else list(source.attributes),
        },
        "seed": options.seed,
        "fingerprint": catalog.fingerprint,
    }


def write_study(
    out: Path,
    figures: tuple[str, dict[str, Any]],
    page: tuple[str, str],
    data: Embedded,
) -> None:
    """Write figures (name, object), page (name, HTML) and what was skipped."""
    write_json(out / figures[0], figures[1])
    write_skips(out / SKIPPED, data.catalog.skipped)
    write_text(out / page[0], page[1])


def close_study(
    out: Path,
    identity: dict[str, Any],
    data: Embedded,
    warnings: Iterable[str],
    watch: Stopwatch,
    **more: Any,
) -> None:
    """Write the record of a finished study."""
    close_run(
        out,
        identity,
        encoders={
            modality: {**encoder.to_dict(), "backend": encoder.backend.name}
            for modality, encoder in data.encoders.items()
        },
        labels=len(data.catalog.space),
        labels_dropped=data.dropped,
        products_skipped=len(data.catalog.skipped),
        warnings=[*data.catalog.warnings, *warnings],
        durations=watch.seconds,
        **more,
    )
