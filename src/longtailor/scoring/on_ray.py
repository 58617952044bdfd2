"""Score products on Ray Data: one process a core, on this machine or on those of a cluster."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from longtailor.detector import Detector
from longtailor.errors import LongtailorError
from longtailor.progress import track
from longtailor.scoring.local import ScoreOptions, score_shard
from longtailor.scoring.output import ShardedOutput
from longtailor.scoring.shards import Shards

_SHARD, _ERROR = "shard", "error"


def score_on_ray(
    run: Path, output: ShardedOutput, images: Path | None, options: ScoreOptions
) -> None:
    """Score the shards that are pending, by workers that write them.

    The cluster is that of the environment's `RAY_ADDRESS`, else this machine alone. Only paths
    go to the workers: on a cluster the run, the products and the output are in a folder that all
    its machines see under one name. A worker that dies is replaced, and its shard scored again.
    The embedding cache is not used.

    Parameters
    ----------
    run : Path
        The folder of the detector.
    output : ShardedOutput
        Prepared.
    images : Path or None
        That of the inputs.
    options : ScoreOptions

    Raises
    ------
    LongtailorError
        If Ray is not installed or gives up, or as `score_shard`.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise LongtailorError("Ray is not installed: pip install 'longtailor[ray]'") from None
    pending = output.pending()
    if not pending:
        return
    done = output.done()
    with (
        _cluster(ray) as cores,
        track("Scoring shards", len(done) + len(pending)) as advance,
    ):
        advance(len(done))
        shards = ray.data.from_items(
            [{_SHARD: number} for number in pending], override_num_blocks=len(pending)
        ).map_batches(
            ShardScorer,
            fn_constructor_args=(run.absolute(), output.shards.folder.absolute(), images, options),
            batch_size=1,
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(size=min(cores, len(pending))),
        )
        try:
            for told in shards.iter_rows():
                if told[_ERROR]:
                    raise LongtailorError(told[_ERROR])
                output.skips.add(told[_SHARD])
                advance(1)
        except ray.exceptions.RayError as error:
            raise LongtailorError(f"Ray gave up: {_last_line(error)}") from error


class ShardScorer:
    """What a worker does: it loads the detector once, and scores shard after shard.

    Parameters
    ----------
    run : Path
    folder : Path
        Of the shards.
    images : Path or None
    options : ScoreOptions
    """

    def __init__(self, run: Path, folder: Path, images: Path | None, options: ScoreOptions) -> None:
        # Ray gives a worker one core, and does not keep it from taking all.
        os.environ["LONGTAILOR_CORES"] = "1"
        self._run, self._images, self._options = run, images, options
        self._shards = Shards(folder)
        self._detector: Detector | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Score the shards of a batch and tell, shard by shard, what went wrong."""
        numbers = [int(number) for number in batch[_SHARD]]
        return {_SHARD: numbers, _ERROR: [self._score(number) for number in numbers]}

    def _score(self, number: int) -> str:
        try:
            # A worker that died may have finished it.
            if not self._shards.has(number):
                self._detector = self._detector or Detector.load(self._run)
                listed = self._shards.products(number)
                scored = score_shard(self._detector, listed, self._images, self._options)
                self._shards.put(number, *scored)
        except LongtailorError as error:
            return str(error)
        return ""


@contextmanager
def _cluster(ray: Any) -> Iterator[int]:
    """Connect to Ray, quietly, and give its cores; what was begun here is ended here."""
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    if ray.is_initialized():
        yield _cores(ray)
        return
    address = os.environ.get("RAY_ADDRESS")
    for name, value in (("RAY_USAGE_STATS_ENABLED", "0"), ("RAY_BACKEND_LOG_LEVEL", "fatal")):
        os.environ.setdefault(name, value)
    alone = {} if address else {"include_dashboard": False}
    try:
        with _deaf():
            ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, **alone)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise LongtailorError(f"cannot start Ray: {_last_line(error)}") from error
    try:
        yield _cores(ray)
    finally:
        ray.shutdown()


def _cores(ray: Any) -> int:
    return max(int(ray.cluster_resources().get("CPU", 1)), 1)


@contextmanager
def _deaf() -> Iterator[None]:
    """Lose what C++ says on standard error: Ray tells there how much it will tell."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
