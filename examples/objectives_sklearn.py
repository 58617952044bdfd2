"""Weights of the family in scikit-learn: class_weight for trees, sample_weight for the rest.

python examples/objectives_sklearn.py
"""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from longtailor.objectives import build_from_matrix, class_weight, sample_weight


def main() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2000, 8))
    odds = 2 * features[:, :3] + np.array([0.0, -2.0, -5.0])
    truth = (rng.random((2000, 3)) < 1 / (1 + np.exp(-odds))).astype(int)
    cells = np.where(rng.random((2000, 3)) < 0.1, -1, truth)
    objective = build_from_matrix("effective_number:beta=0.99", cells)

    weights = sample_weight(objective, cells)
    for label in range(3):
        # An unknown cell weighs 0, so that it does not matter what stands in its place.
        model = LogisticRegression().fit(
            features, cells[:, label] == 1, sample_weight=weights[:, label]
        )
        found = model.predict(features)[truth[:, label] == 1].mean()
        print(f"logistic regression, label {label}: finds {found:.2f} at 0.5")

    complete = (cells >= 0).all(axis=1)
    forest = RandomForestClassifier(
        50, max_depth=5, class_weight=class_weight(objective), random_state=0
    )
    forest.fit(features[complete], cells[complete])
    found = [
        forest.predict(features)[truth[:, label] == 1, label].mean().round(2) for label in range(3)
    ]
    print("one forest for all labels finds at 0.5:", [float(share) for share in found])


if __name__ == "__main__":
    main()
