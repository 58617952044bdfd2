"""Write the pages under docs/objectives from the docstrings, each with a plot of its gradient.

python docs/make_objectives.py [--out docs/objectives]
"""

from __future__ import annotations

import argparse
import inspect
import io
import sys
from pathlib import Path

import torch
from torch import Tensor

from longtailor.files import replacing, write_text
from longtailor.objectives import Objective, build, names
from longtailor.objectives.describe import Part, parts_described
from longtailor.objectives.family import COMMON_SETTINGS, PUBLISHED, parts
from longtailor.objectives.names import settings_of
from longtailor.objectives.parameters import Parameter

PRODUCTS = 1000
HEAD, TAIL, OTHER = 0, 1, 2
POSITIVES = [300, 6, 60, 60]
PANELS = ((HEAD, "head label, 300 of 1,000"), (TAIL, "tail label, 6 of 1,000"))
KINDS = ((True, "positive", "#2a6fb0"), (False, "negative", "#c8442b"))


def example(name: str) -> Objective:
    """Build an objective for a label with 300 positives in 1,000 products and one with 6."""
    groups = [[0, 1, 2, 3]] if name == "softmax" else None
    objective = build(name, POSITIVES, [PRODUCTS] * 4, groups=groups, reduction="sum")
    objective.set_epoch(1)
    return objective


def slopes(objective: Objective, label: int, logits: Tensor, *, positive: bool) -> list[float]:
    """Give the derivative of a product's loss by one of its logits, the others being 0."""
    targets = torch.zeros(1, 4)
    targets[0, label if positive else OTHER] = 1
    found = []
    for value in logits:
        row = torch.zeros(1, 4)
        row[0, label] = value
        row.requires_grad_()
        (gradient,) = torch.autograd.grad(objective(row, targets), row)
        found.append(gradient[0, label].item())
    return found


def plot(name: str, path: Path) -> None:
    """Draw the gradient against the logit, for positives and negatives of both labels."""
    from matplotlib.figure import Figure
    from PIL import Image

    objective = example(name)
    logits = torch.linspace(-6, 6, 121)
    figure = Figure(figsize=(6.4, 2.8), dpi=125, layout="constrained")
    for axes, (label, title) in zip(figure.subplots(1, 2), PANELS, strict=True):
        axes.axhline(0, color="#999999", linewidth=0.8)
        for positive, word, colour in KINDS:
            values = slopes(objective, label, logits, positive=positive)
            axes.plot(logits, values, color=colour, linewidth=1.6, label=word)
        axes.set(xlabel="logit", xlim=(-6, 6), title=title)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("gradient of the loss")
    figure.axes[0].legend(frameon=False)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})
    picture = Image.open(drawn).convert("RGB")
    with replacing(path) as temporary:
        picture.quantize(24).save(temporary, optimize=True)


def parameter_table(parameters: tuple[Parameter, ...]) -> list[str]:
    """Give parameters as a table in Markdown."""
    lines = ["| parameter | default | range | meaning |", "|---|---|---|---|"]
    for one in parameters:
        default = "none" if one.default is None else one.default
        allowed = one.range.replace("|", "\\|")
        lines.append(f"| `{one.name}` | {default} | {allowed} | {one.meaning} |")
    return lines


def section(part: Part) -> list[str]:
    """Give what a loss or a weighting says of itself."""
    module = inspect.getdoc(sys.modules[part.__module__]) or ""
    provenance = module.partition("\n\n")[2]
    own = inspect.cleandoc(part.__doc__ or "")
    for heading in ("When to use it:", "When not:"):
        own = own.replace(heading, f"**{heading}**")
    return [own, "", "```text", part.formula, "```", "", f"Source: {provenance}", ""]


def page(name: str) -> str:
    """Write the page of one objective."""
    loss = parts(name)[0]
    title = " and ".join(part.title for part in parts_described(name))
    lines = [f"# `{name}`: {title}", ""]
    if name in PUBLISHED:
        both = " and the weighting ".join(f"`{part}`" for part in PUBLISHED[name])
        lines += [f"The loss {both}, as published together.", ""]
    for part in parts_described(name):
        lines += section(part)
    lines += [
        "z is the logit, p = sigmoid(z), y the target; n+, n- and N count the known products in "
        "which the label is positive, negative and either.",
        "",
        f"![The gradient of {name} against the logit]({name}.png)",
        "",
        "The derivative of a product's loss by one logit, its other logits being 0, for a label "
        "with 300 positives in 1,000 products and one with 6. Mind the two scales.",
        "",
        "## Parameters",
        "",
    ]
    own = tuple(one for one in settings_of(name) if one not in COMMON_SETTINGS)
    if own:
        lines += parameter_table(own)
    else:
        lines.append("None of its own; see those that [all objectives](index.md) have.")
    takes = " and ".join(loss.weightable)
    lines += [
        "",
        f"The loss `{loss.name}` takes {takes} weights."
        if takes
        else f"The loss `{loss.name}` takes no weights.",
    ]
    groups = ", groups=[[0, 1]]" if name == "softmax" else ""
    lines += [
        "",
        "```python",
        "from longtailor.objectives import build",
        "",
        f'objective = build("{name}", positives=[300, 6], known=[1000, 1000]{groups})',
        "loss = objective(logits, targets)  # targets: 1, 0, and -1 or NaN where unknown",
        "```",
    ]
    return "\n".join(lines) + "\n"


def index() -> str:
    """Write the page that lists the family."""
    lines = [
        "# Objectives",
        "",
        "An objective is a loss, a weighting, a masking of unknown cells and a reduction; a loss "
        "and a weighting combine by name, `asl+effective_number:gamma_neg=4,beta=0.99`. These "
        "pages are written by `docs/make_objectives.py` from the docstrings; "
        "[which one?](which.md) answers from measured results, [how fast?](speed.md) tells "
        "what they cost, and [one for each attribute](by-attribute.md) how they mix.",
        "",
        "| name | what | source |",
        "|---|---|---|",
    ]
    for name in names():
        described = parts_described(name)
        title = " and ".join(part.title for part in described)
        lines.append(f"| [`{name}`]({name}.md) | {title} | {described[0].source} |")
    lines += ["", "## Parameters of all", "", *parameter_table(COMMON_SETTINGS)]
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Give the text of each page by its file's name."""
    return {"index.md": index(), **{f"{name}.md": page(name) for name in names()}}


def main() -> None:
    """Write all pages and plots."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "objectives")
    folder = parser.parse_args().out
    for file, text in pages().items():
        write_text(folder / file, text)
    for name in names():
        plot(name, folder / f"{name}.png")
    print(f"{len(names())} objectives written to {folder}")


if __name__ == "__main__":
    main()
