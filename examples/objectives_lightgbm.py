"""An objective's gradient and Hessian in LightGBM, one booster a label.

python examples/objectives_lightgbm.py
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt

from longtailor.objectives import build_from_matrix, gradient_and_hessian

try:
    import lightgbm
except (ImportError, OSError) as error:
    print(f"This example needs LightGBM: pip install lightgbm ({error})")
    sys.exit(0)


def main() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2000, 8))
    odds = 2 * features[:, :3] + np.array([0.0, -2.0, -5.0])
    truth = (rng.random((2000, 3)) < 1 / (1 + np.exp(-odds))).astype(int)
    cells = np.where(rng.random((2000, 3)) < 0.1, -1, truth)

    for name in ("none", "focal+effective_number:beta=0.99,alpha=none"):
        for label in range(3):
            column = cells[:, label : label + 1]
            objective = build_from_matrix(name, column)

            def derivatives(
                logits: npt.NDArray[np.float64], _: lightgbm.Dataset
            ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
                gradient, hessian = gradient_and_hessian(objective, logits[:, None], column)  # noqa: B023
                return gradient[:, 0], hessian[:, 0]

            settings = {"objective": derivatives, "num_leaves": 7, "verbose": -1, "seed": 0}
            booster = lightgbm.train(
                settings, lightgbm.Dataset(features, column[:, 0]), num_boost_round=40
            )
            logits = np.asarray(booster.predict(features))
            found = (logits > 0)[truth[:, label] == 1].mean()
            print(f"{name}, label {label}: finds {found:.2f} at 0.5")


if __name__ == "__main__":
    main()
