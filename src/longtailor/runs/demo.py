"""`longtailor demo`: the main job on a catalogue that it draws itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from longtailor.catalog import TEST, Catalog
from longtailor.files import write_json, write_text
from longtailor.fitting import FitOptions, Fitted, Stopwatch, embed_catalog, fit_embedded
from longtailor.progress import track
from longtailor.reporting.demo import build_demo_page
from longtailor.runs.fit import Source, identify, write_run
from longtailor.runs.record import claim_run, close_run, open_run
from longtailor.samples import draw_catalog, sample_sheet

OBJECTIVES = ("none", "inverse_frequency", "effective_number:beta=0.999")
CATALOG, SHEET, PAGE, FIGURES = "catalog", "contact_sheet.png", "demo.html", "demo.json"


@dataclass(frozen=True, eq=False)
class Demo:
    """What the demo made.

    Attributes
    ----------
    fitted : dict of str to Fitted
        By objective.
    page, sheet : Path
    seconds : dict of str to float
        By stage.
    """

    fitted: dict[str, Fitted]
    page: Path
    sheet: Path
    seconds: dict[str, float]


def run_demo(out: Path, *, products: int, seed: int) -> Demo:
    """Draw the sample catalogue, fit it with three objectives, and show them side by side.

    Parameters
    ----------
    out : Path
        The folder to write to.
    products : int
        Products to draw.
    seed : int
        Seed of the drawing and of the fits.

    Raises
    ------
    LongtailorError
        If a file cannot be written, or the folder holds something else.
    """
    identity: dict[str, Any] = {
        "command": "demo",
        "configuration": {"products": products, "objectives": list(OBJECTIVES)},
        "seed": seed,
    }
    out = out.absolute()
    open_run(out, identity, resume=False)
    claim_run(out, identity)
    watch = Stopwatch()
    with watch.stage("draw"), track("Drawing the catalogue", products) as advance:
        path = draw_catalog(out / CATALOG, products=products, seed=seed, progress=advance)
    with watch.stage("contact sheet"):
        sheet = sample_sheet(out / CATALOG, out / SHEET)
    options = FitOptions(seed=seed)
    data = embed_catalog(Catalog.read(path), options, watch)
    fitted: dict[str, Fitted] = {}
    for objective in OBJECTIVES:
        own = replace(options, objective=objective)
        own_watch = Stopwatch()
        name = objective.partition(":")[0]
        fitted[name] = fit_embedded(data, own, own_watch)
        write_run(out / name, fitted[name], identify(Source(path), own, data.catalog), own_watch)
        watch.seconds[name] = round(sum(own_watch.seconds.values()), 3)
    write_json(out / FIGURES, {name: one.evaluations[TEST].summary for name, one in fitted.items()})
    write_text(out / PAGE, build_demo_page(fitted, sheet))
    close_run(out, identity, durations=watch.seconds)
    return Demo(fitted, out / PAGE, sheet, watch.seconds)
