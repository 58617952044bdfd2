"""`longtailor curve`: from a catalogue to a folder that says how many labels are enough."""

from __future__ import annotations

from pathlib import Path

from longtailor.fitting import Stopwatch
from longtailor.reporting.curve import build_curve
from longtailor.runs.fit import Source
from longtailor.runs.record import claim_run, open_run
from longtailor.runs.study import FITS, close_study, identify_study, read_source, write_study
from longtailor.studies.curve import CurveOptions, curve_embedded
from longtailor.studies.exchange import curve_json
from longtailor.studies.results import Curve
from longtailor.studies.setup import embed_study

FIGURES, PAGE = "curve.json", "curve.html"


def curve_run(
    source: Source, out: Path, options: CurveOptions, *, resume: bool = False
) -> Curve | None:
    """Measure curves and write the folder.

    Parameters
    ----------
    source : Source
    out : Path
    options : CurveOptions
    resume : bool
        Go on with an interrupted study of the same command. Fits that were finished on the same
        data are kept anyway.

    Returns
    -------
    Curve or None
        None if the study was finished already and `resume` was asked for.

    Raises
    ------
    LongtailorError
        If the catalogue cannot be used, all fits fail, or a file cannot be written.
    """
    options.check()
    out = out.absolute()
    watch = Stopwatch()
    catalog = read_source(source, options.fit, watch)
    identity = identify_study(
        "curve",
        source,
        options.fit,
        catalog,
        objectives=list(options.objectives),
        budgets=list(options.budgets),
        seeds=options.seeds,
        metric=options.metric,
        labels=list(options.labels) or None,
        positives=None if options.positives is None else list(options.positives),
    )
    if open_run(out, identity, resume=resume):
        return None
    data = embed_study(catalog, options.fit, watch)
    curve = curve_embedded(data, options, out / FITS, watch, begin=lambda: claim_run(out, identity))
    with watch.stage("write"):
        write_study(out, (FIGURES, curve_json(curve)), (PAGE, build_curve(curve, identity)), data)
    close_study(out, identity, data, curve.warnings, watch)
    return curve
