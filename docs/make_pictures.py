"""Draw the picture of the README from a finished study.

longtailor compare ../shared/data/deepfashion6/catalog.csv --out STUDY
python docs/make_pictures.py STUDY
"""

from __future__ import annotations

import argparse
import io
import json
import math
from pathlib import Path
from typing import Any

from PIL import Image

from longtailor.reporting.estimates_plot import common_limits, plot_estimates
from longtailor.studies.results import Estimate

PICTURE = Path(__file__).parent / "images" / "comparison.png"
PANELS = {
    "map": "ranking: mean average precision",
    "f1_macro_at_half": "decisions at 0.5: macro F1",
    "f1_macro": "at the chosen thresholds: macro F1",
}
DOTS_PER_INCH = 144


def estimate(figure: dict[str, Any]) -> Estimate:
    """Read an estimate of comparison.json."""
    mean, low, high = (
        math.nan if figure[name] is None else figure[name] for name in ("mean", "low", "high")
    )
    return Estimate(mean, low, high, tuple(figure["seeds"]))


def main() -> None:
    """Draw the panels side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    study = json.loads((parser.parse_args().study / "comparison.json").read_bytes())
    panels = {
        metric: {name: estimate(own[metric]) for name, own in study["objectives"].items()}
        for metric in PANELS
    }
    # The two panels of F1 are to be compared with each other.
    of_f1 = common_limits(panels["f1_macro_at_half"], panels["f1_macro"])
    drawn = []
    for metric, title in PANELS.items():
        figure = plot_estimates(panels[metric], None if metric == "map" else of_f1)
        figure.suptitle(title, fontsize=10, x=0.02, ha="left")
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=DOTS_PER_INCH)
        drawn.append(Image.open(content).convert("RGB"))
    picture = Image.new("RGB", (sum(p.width for p in drawn), drawn[0].height), "white")
    left = 0
    for panel in drawn:
        picture.paste(panel, (left, 0))
        left += panel.width
    picture.quantize(64).save(PICTURE, optimize=True)
    print(f"wrote {PICTURE}")


if __name__ == "__main__":
    main()
