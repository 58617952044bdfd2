"""`longtailor predict`: score products with the detector of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from longtailor.detector import Detector
from longtailor.errors import LongtailorError, UsageError
from longtailor.runs.skips import write_skips
from longtailor.scoring.inputs import find_inputs
from longtailor.scoring.local import Scored, plan, score
from longtailor.scoring.output import ShardedOutput, require_output


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

    Raises
    ------
    UsageError
        If `out` is of another kind, or is what is to be scored.
    LongtailorError
        If the run or the products cannot be used, or a file cannot be written.
    """
    require_output(out)
    if any(out.exists() and path.exists() and path.samefile(out) for path in given):
        raise UsageError(f"--out {out}: is what is to be scored; give another file")
    detector = Detector.load(run)
    inputs = find_inputs(given, images)
    if strict and inputs.skipped:
        first = inputs.skipped[0]
        raise LongtailorError(f"{given[0]}, row {first.row}: {first.what}: {first.reason} (strict)")
    planned = plan(detector, inputs, exclusive=exclusive, corrected=corrected)
    output = ShardedOutput(out, planned, resume=resume)
    scored = score(
        detector, inputs, output, exclusive=exclusive, corrected=corrected, strict=strict
    )
    write_skips(skips_path(out), scored.skipped)
    return scored


def skips_path(out: Path) -> Path:
    """Where what could not be scored is listed."""
    return out.with_name(f"{out.stem}.skipped.csv")
