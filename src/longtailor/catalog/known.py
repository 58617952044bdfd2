"""What a catalogue file knows of given labels, be it nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from longtailor.catalog.columns import without_empty_rows
from longtailor.catalog.label_cells import TAGS, read_column, read_tags
from longtailor.catalog.tables import read_table
from longtailor.labels import UNKNOWN, LabelMatrix, LabelSpace, label_name


def read_known(path: Path, space: LabelSpace) -> dict[int, LabelMatrix]:
    """Read what is known of the labels of a space.

    An attribute that the file does not have is unknown; other attributes are not read.

    Parameters
    ----------
    path : Path
        A CSV, TSV, JSONL or Parquet file.
    space : LabelSpace

    Returns
    -------
    dict of int to ndarray of int8, shape (labels,)
        By row of the file.

    Raises
    ------
    CatalogError
        If the file is no table, or a cell contradicts itself.
    """
    table, _ = without_empty_rows(read_table(path))
    if TAGS in table.columns:
        attributes, _ = read_tags(table)
    else:
        attributes = [read_column(table, name) for name in table.columns if name in space.groups]
    matrix = np.full((len(table.rows), len(space)), UNKNOWN, dtype=np.int8)
    column_of = {label: column for column, label in enumerate(space.labels)}
    for cells in attributes:
        if cells.name not in space.groups:
            continue
        columns = np.array(
            [column_of.get(label_name(cells.name, value), -1) for value in cells.values], dtype=int
        )
        own = space.groups[cells.name]
        block = matrix[:, own]
        cells.fill(block, np.where(columns < 0, -1, np.searchsorted(own, columns)))
        matrix[:, own] = block
    return {int(row): matrix[at] for at, row in enumerate(table.rows)}
