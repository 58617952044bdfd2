"""Fitting 50 labels at once against scikit-learn's one-vs-rest logistic regressions.

    python benchmarks/classifier.py [--labels 50] [--products 20000] [--dim 1280] [--threads 2]

Both get the same embeddings, the same L2 penalty and the same weights (inverse frequency, which
scikit-learn calls balanced). scikit-learn gets them power-normalised, centred and scaled to a mean
squared length of 1, as ours makes them for itself; its time does not include that preparation and
ours does. Its solver is its default, lbfgs. At its default tolerance, 1e-4, it stops well before
the solution; at 1e-6 it reaches what ours reaches. Both are shown, the labels one after another
with all threads in the linear algebra, and at the default as many labels at once as there are
threads. With `--raw` it is shown as most would call it, too: on the embeddings as they are, with
its defaults of C=1 and 100 iterations. Ours is timed between them, and its median counts. CPU
seconds, where one process does all the work, tell more than the clock on a machine that others use
too. The average precision is measured on products that neither has seen.
"""

from __future__ import annotations

import os

# Threads that wait by spinning are slow on a machine that others use too; before NumPy starts any.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import functools
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from longtailor.classifiers import power_normalize
from longtailor.evaluation.ranking import average_precision
from longtailor.labels import LabelMatrix
from longtailor.objectives import build_from_matrix
from longtailor.training.design import Design
from longtailor.training.linear import fit_linear

Floats = npt.NDArray[np.float32]

FACTORS = 100
RAREST, MOST_FREQUENT = 0.002, 0.4


def simulate(products: int, dim: int, labels: int, seed: int = 0) -> tuple[Floats, LabelMatrix]:
    """Draw embeddings like pooled ReLU features, of low rank plus noise, and long-tailed labels."""
    random = np.random.default_rng(seed)
    strength = np.arange(1, FACTORS + 1) ** -0.5
    factors = (random.normal(size=(products, FACTORS)) * strength).astype(np.float32)
    embeddings = factors @ random.normal(size=(FACTORS, dim)).astype(np.float32)
    embeddings += random.normal(size=embeddings.shape).astype(np.float32)
    scores = factors @ random.normal(size=(FACTORS, labels))
    scores = 2 * scores / scores.std(axis=0) + random.logistic(size=scores.shape)
    shares = np.geomspace(MOST_FREQUENT, RAREST, labels)
    cuts = [np.quantile(scores[:, label], 1 - share) for label, share in enumerate(shares)]
    return np.maximum(embeddings, 0), (scores > cuts).astype(np.int8)


def timed(work: Callable[[], Floats]) -> tuple[float, float, Floats]:
    """Give the seconds by the clock, the CPU seconds of this process, and the scores."""
    clock, cpu = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - clock, time.process_time() - cpu, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--products", type=int, default=20_000, help="to fit on")
    parser.add_argument("--held-out", type=int, default=5_000)
    parser.add_argument("--dim", type=int, default=1280)
    parser.add_argument("--labels", type=int, default=50)
    parser.add_argument("--penalty", type=float, default=10.0, help="the inverse of C")
    parser.add_argument("--max-iter", type=int, default=1000, help="of scikit-learn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--raw", action="store_true", help="scikit-learn on raw embeddings, too")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    embeddings, matrix = simulate(
        arguments.products + arguments.held_out, arguments.dim, arguments.labels
    )
    fitted, held_out = np.split(embeddings, [arguments.products])
    truth, held_out_truth = np.split(matrix, [arguments.products])
    positives = truth.sum(axis=0)
    print(
        f"{arguments.products} x {arguments.dim} embeddings, {arguments.labels} labels with "
        f"{positives.min()} to {positives.max()} positives, penalty {arguments.penalty:g}, "
        f"{arguments.threads} threads, load average {os.getloadavg()[0]:.1f}",
        flush=True,
    )

    def ours() -> Floats:
        design = Design.of(torch.from_numpy(fitted))
        objective = build_from_matrix("inverse_frequency", truth)
        minimum = fit_linear(design, torch.from_numpy(truth).float(), objective, arguments.penalty)
        assert minimum.converged.all()
        print(f"  {minimum.iterations} iterations of all labels")
        with torch.inference_mode():
            scores: Floats = design.fold(minimum.parameters)(torch.from_numpy(held_out)).numpy()
        return scores

    normalized = power_normalize(torch.from_numpy(embeddings)).numpy()
    centred = normalized - normalized[: arguments.products].mean(axis=0)
    centred /= np.sqrt(np.square(centred[: arguments.products]).sum(axis=1).mean())

    def theirs(
        inputs: Floats, penalty: float, tolerance: float, most: int, jobs: int | None
    ) -> Floats:
        one = LogisticRegression(
            C=1 / penalty,
            class_weight="balanced",
            tol=tolerance,
            max_iter=most,
        )
        model = OneVsRestClassifier(one, n_jobs=jobs)
        with threadpool_limits(arguments.threads):
            model.fit(inputs[: arguments.products], truth)
            scores: Floats = model.decision_function(inputs[arguments.products :])
        iterations = [int(estimator.n_iter_[0]) for estimator in model.estimators_]
        print(f"  {np.median(iterations):.0f} iterations a label, most {max(iterations)}")
        return scores

    def show(name: str, work: Callable[[], Floats]) -> tuple[float, float, float]:
        clock, cpu, scores = timed(work)
        ap = float(np.nanmean(average_precision(scores, held_out_truth)))
        print(
            f"{name:36s} {clock:7.2f} s, CPU {cpu:7.2f} s, held-out macro AP {ap:.5f} "
            f"(load average {os.getloadavg()[0]:.1f})",
            flush=True,
        )
        return clock, cpu, ap

    penalty, threads = arguments.penalty, arguments.threads
    most = arguments.max_iter
    variants: dict[str, tuple[Floats, float, float, int, int | None]] = {
        "default": (centred, penalty, 1e-4, most, None),
        f"n_jobs={threads}": (centred, penalty, 1e-4, most, threads),
        "tol=1e-6": (centred, penalty, 1e-6, most, None),
    }
    if arguments.raw:
        variants["raw embeddings"] = embeddings, 1.0, 1e-4, 100, None
    own = [show("longtailor", ours)]
    measured = {}
    for name, variant in variants.items():
        work = functools.partial(theirs, *variant)
        measured[name] = show(f"scikit-learn, {name}", work)
        own.append(show("longtailor", ours))
    clock, cpu, ap = np.median(own, axis=0)
    for name, (their_clock, their_cpu, their_ap) in measured.items():
        by_cpu = "" if variants[name][-1] else f", {their_cpu / cpu:.1f} x less CPU"
        print(
            f"{their_clock / clock:.1f} x faster than scikit-learn, {name}{by_cpu}; "
            f"macro AP {ap - their_ap:+.5f}"
        )


if __name__ == "__main__":
    main()
