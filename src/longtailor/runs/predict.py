"""`longtailor predict`: score products with the detector of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from longtailor.detector import Detector
from longtailor.errors import UsageError
from longtailor.scoring.inputs import find_inputs
from longtailor.scoring.local import ScoreOptions, plan, score
from longtailor.scoring.on_ray import score_on_ray
from longtailor.scoring.output import ShardedOutput, require_output

LOCAL, RAY = "local", "ray"


@dataclass(frozen=True)
class Scored:
    """How many products were scored, and how many things were skipped."""

    products: int
    skipped: int


def predict_run(
    run: Path,
    given: Sequence[Path],
    out: Path,
    *,
    images: Path | None = None,
    exclusive: bool = True,
    corrected: bool = False,
    strict: bool = False,
    resume: bool = False,
    engine: str = LOCAL,
) -> Scored:
    """Score products and write `out`; what could not be scored goes to `OUT.skipped.csv`.

    Parameters
    ----------
    run : Path
        A folder that fit wrote.
    given : sequence of Path
        One catalogue, or folders and image files.
    out : Path
        A `.csv`, `.jsonl` or `.parquet` file.
    images : Path, optional
        The folder that a catalogue's image paths are relative to.
    exclusive : bool
        Predict exactly one value of an exclusive attribute.
    corrected : bool
        Add a column `score_corrected`: the probability without what the objective's weights added.
    strict : bool
        Fail on what would be listed.
    resume : bool
        Keep what an interrupted command with the same products and detector has scored.
    engine : {"local", "ray"}
        Score in this process, or on Ray Data. The file is the same.

    Raises
    ------
    UsageError
        If `out` is of another kind, or is what is to be scored, or there is no such engine.
    LongtailorError
        If the run or the products cannot be used, or a file cannot be written.
    """
    require_output(out)
    if engine not in (LOCAL, RAY):
        raise UsageError(f"--engine {engine}: use {LOCAL} or {RAY}")
    if any(out.exists() and path.exists() and path.samefile(out) for path in given):
        raise UsageError(f"--out {out}: is what is to be scored; give another file")
    detector = Detector.load(run)
    inputs = find_inputs(given, images)
    options = ScoreOptions(exclusive, corrected, strict)
    output = ShardedOutput(out, plan(detector, inputs, options), resume=resume)
    if not output.prepared:
        output.prepare(inputs.stream(strict=strict))
    if not output.finished:
        output.skips.write(output.done())
        if engine == RAY:
            score_on_ray(run, output, inputs.images, options)
        else:
            score(detector, output, inputs.images, options)
    rows, skipped = output.finish()
    return Scored(rows // len(detector.space), skipped)
