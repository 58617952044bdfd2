"""`longtailor compare`: from a catalogue to a folder that says which objective helps."""

from __future__ import annotations

import math
from pathlib import Path

from longtailor.fitting import Stopwatch
from longtailor.reporting.comparison import build_comparison
from longtailor.runs.fit import Source
from longtailor.runs.record import claim_run, open_run
from longtailor.runs.study import FITS, close_study, identify_study, read_source, write_study
from longtailor.studies.compare import CompareOptions, compare_embedded
from longtailor.studies.exchange import comparison_json
from longtailor.studies.results import Comparison
from longtailor.studies.setup import embed_study

FIGURES, PAGE = "comparison.json", "comparison.html"


def compare_run(
    source: Source, out: Path, options: CompareOptions, *, resume: bool = False
) -> Comparison | None:
    """Compare objectives and write the folder.

    Parameters
    ----------
    source : Source
    out : Path
    options : CompareOptions
    resume : bool
        Go on with an interrupted study of the same command. Fits that were finished on the same
        data are kept anyway.

    Returns
    -------
    Comparison or None
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
        "compare",
        source,
        options.fit,
        catalog,
        objectives=list(options.objectives),
        seeds=options.seeds,
        share=options.share,
    )
    if open_run(out, identity, resume=resume):
        return None
    data = embed_study(catalog, options.fit, watch)
    comparison = compare_embedded(
        data, options, out / FITS, watch, begin=lambda: claim_run(out, identity)
    )
    with watch.stage("write"):
        write_study(
            out,
            (FIGURES, comparison_json(comparison)),
            (PAGE, build_comparison(comparison, identity)),
            data,
        )
    close_study(
        out,
        identity,
        data,
        comparison.warnings,
        watch,
        fits=[
            {
                "attributes": list(scope.attributes),
                "objective": fit.objective,
                "seed": fit.seed,
                # One objective an attribute has one penalty each.
                "penalty": None if math.isnan(fit.penalty) else fit.penalty,
                "seconds": fit.seconds,
                **({} if fit.training is None else {"training": fit.training}),
            }
            for scope in (comparison.together, *comparison.separately.values())
            for fit in scope.fits
        ],
    )
    return comparison
