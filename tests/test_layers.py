"""Imports run one way, and what is heavy waits until it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import longtailor

SOURCE = Path(longtailor.__file__).parent
PACKAGE = "longtailor"

BELOW_EVERYTHING = {"cores", "errors", "files", "processes", "progress"}
LAYERS = [
    "labels",
    "objectives",
    "catalog",
    "encoders",
    "classifiers",
    "evaluation",
    "training",
    "sklearn",
    "detector",
    "export",
    "fitting",
    "scoring",
    "studies",
    "reporting",
    "runs",
    "serving",
    "cli",
]
ASIDE = {
    # Draws the sample catalogue, and knows none of the layers.
    "samples",
}
HEAVY = {"torch", "timm", "polars", "numpy", "sklearn", "scipy", "matplotlib"}


def imports_of(file: Path) -> Iterator[tuple[int, str]]:
    """Give the line and the dotted name of each import in a file, wherever it stands."""
    package = [PACKAGE, *file.relative_to(SOURCE).parts[:-1]]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            # `from longtailor import x` means the layer x.
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}" if module == PACKAGE else module


def layer_of(dotted: str) -> str | None:
    """Give the layer of a module of ours: `evaluation` of `longtailor.evaluation.metrics`."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == PACKAGE and len(parts) > 1 else None


def layer_of_file(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


FILES = [file for file in sorted(SOURCE.rglob("*.py")) if file != SOURCE / "__init__.py"]


def test_every_module_is_in_a_layer():
    known = {*LAYERS, *BELOW_EVERYTHING, *ASIDE}
    assert {layer_of_file(file) for file in FILES} <= known


def allowed(layer: str) -> set[str]:
    """Give the layers that a layer may import."""
    if layer in BELOW_EVERYTHING:
        return BELOW_EVERYTHING
    if layer in ASIDE:
        return BELOW_EVERYTHING | {layer}
    return {*LAYERS[: LAYERS.index(layer) + 1], *BELOW_EVERYTHING, *ASIDE}


def test_imports_run_one_way():
    against = []
    for file in FILES:
        may = allowed(layer_of_file(file))
        for line, module in imports_of(file):
            imported = layer_of(module)
            if imported is not None and imported not in may | {"__version__"}:
                against.append(f"{file.relative_to(SOURCE)}:{line} imports {module}")
    assert not against, "\n".join(against)


def third_parties(layer: str) -> set[str]:
    return {
        module.split(".")[0]
        for file in FILES
        if layer_of_file(file) == layer
        for _, module in imports_of(file)
    } - {*sys.stdlib_module_names, PACKAGE, "__future__"}


def own(layer: str) -> set[str | None]:
    return {
        layer_of(module)
        for file in FILES
        if layer_of_file(file) == layer
        for _, module in imports_of(file)
    } - {None, layer}


def test_labels_depend_on_numpy_alone():
    assert third_parties("labels") == {"numpy"}
    assert own("labels") <= {"errors"}


def test_objectives_depend_on_torch_and_labels_alone():
    assert third_parties("objectives") == {"torch", "numpy"}
    assert own("objectives") == {"labels", "errors"}


def test_errors_files_and_progress_depend_on_next_to_nothing():
    assert third_parties("errors") == third_parties("files") == set()
    assert third_parties("progress") == {"rich"}


@pytest.mark.parametrize("module", ["longtailor", "longtailor.cli.main"])
def test_what_is_heavy_is_not_imported(module):
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_the_public_names_are_there_when_asked_for():
    assert set(longtailor.__all__) <= set(dir(longtailor))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = longtailor.nothing
