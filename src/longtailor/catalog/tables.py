"""CSV, TSV, JSONL and Parquet files as tables of text."""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt
import polars as pl

from longtailor.catalog.annotation_file import DECISION
from longtailor.catalog.formulas import unguard_formulas
from longtailor.errors import CatalogError

VALUES = "|"
"""What separates the values of one cell."""

_CHUNK = 20_000
_SLICE = 65_536  # rows of a Parquet file: smaller slices decode its row groups more often
_MOST_COLUMNS = 10_000
_LONGEST_LINE = 2**26
_FILLER = "\0"  # keeps the rows of objects that hold nothing


@dataclass(frozen=True)
class Table:
    """A file of named columns, every cell as text.

    Attributes
    ----------
    path : Path
    frame : polars.DataFrame
        All columns are strings; an empty, missing or null cell is `""`.
    rows : ndarray of int64, shape (rows,)
        Where in the file each row stands: the number a spreadsheet shows, the line of a JSONL
        file, or the place in a Parquet file counted from 1.
    nested : mapping of str to str
        Columns that hold no text, and what they hold. They are not in `frame`.
    warnings : tuple of str
    """

    path: Path
    frame: pl.DataFrame
    rows: npt.NDArray[np.int64]
    nested: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns, those that hold no text at the end."""
        return (*self.frame.columns, *self.nested)

    def cells(self, column: str) -> pl.Series:
        """Give a column, refused if it holds no text."""
        if column in self.nested:
            raise CatalogError(
                f"{self.path}, column {column!r}: holds {self.nested[column]}, where text, "
                "numbers or lists of them are expected"
            )
        return self.frame[column]

    def take(self, kept: npt.NDArray[np.bool_]) -> Table:
        """Give the table of some of the rows."""
        return replace(self, frame=self.frame.filter(pl.Series(kept)), rows=self.rows[kept])

    def error(self, at: int, column: str, message: str) -> CatalogError:
        """Make the error of one cell; `at` is the position in `rows`."""
        return CatalogError(f"{self.path}, row {self.rows[at]}, column {column!r}: {message}")


def read_table(path: Path) -> Table:
    """Read a file by its suffix: .csv, .tsv, .jsonl, .ndjson or .parquet.

    Numbers and truth values become text, lists become their items joined by `|`.

    Raises
    ------
    CatalogError
        If the file is missing, empty, no table, damaged, or not UTF-8, or has more columns or
        longer lines than any catalogue.
    """
    parts = list(_read(path, None))
    nested: dict[str, str] = {}
    for part in parts:
        nested = {**part.nested, **nested}
    frame = pl.concat([part.frame for part in parts], how="diagonal")
    frame = frame.drop(_FILLER, *nested, strict=False).fill_null("")
    rows = np.concatenate([part.rows for part in parts])
    return Table(path, frame, rows, nested, parts[0].warnings)


def stream_table(path: Path, columns: Collection[str] | None = None) -> Iterator[Table]:
    """Read a file, or some of its columns, in parts: memory does not grow with its rows.

    A part of a JSONL file has the columns that are named in it.

    Raises
    ------
    CatalogError
        As `read_table`, when the place concerned is reached.
    """
    for part in _read(path, columns):
        yield replace(part, frame=part.frame.drop(_FILLER, strict=False))


def _read(path: Path, columns: Collection[str] | None) -> Iterator[Table]:
    readers: dict[str, Callable[[], Iterator[Table]]] = {
        ".csv": lambda: _read_delimited(path, ",", columns),
        ".tsv": lambda: _read_delimited(path, "\t", columns),
        ".jsonl": lambda: _read_json_lines(path, columns),
        ".ndjson": lambda: _read_json_lines(path, columns),
        ".parquet": lambda: _read_parquet(path, columns),
    }
    if path.is_dir():
        raise CatalogError(f"{path} is a folder; give the catalogue file in it")
    if not path.exists():
        raise CatalogError(f"{path}: no such file")
    if path.suffix.lower() not in readers:
        raise CatalogError(
            f"{path}: cannot tell the format from the suffix {path.suffix!r}; "
            f"it must be one of {', '.join(readers)}"
        )
    products = 0
    try:
        if path.stat().st_size == 0:
            raise CatalogError(f"{path} is empty")
        for part in readers[path.suffix.lower()]():
            products += len(part.rows)
            yield part
    except UnicodeDecodeError:
        raise _not_utf8(path) from None
    except OSError as error:
        raise CatalogError(f"cannot read {path}: {error.strerror or error}") from error
    if not products:
        raise CatalogError(f"{path} has no products")


def _read_delimited(path: Path, delimiter: str, columns: Collection[str] | None) -> Iterator[Table]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(_lines(path, file), delimiter=delimiter, strict=True)
        try:
            before, header = _first_record(reader)
            named, warnings = _name_columns(path, header)
            taken = {name: at for name, at in named.items() if columns is None or name in columns}
            start = before + 1
            while records := list(itertools.islice(reader, _CHUNK)):
                numbers = [start + i for i, record in enumerate(records) if record]
                filled = [record for record in records if record]
                for number, record in zip(numbers, filled, strict=True):
                    if len(record) != len(header):
                        raise CatalogError(
                            f"{path}, row {number}: the number of cells is {len(record)}, not "
                            f"{len(header)} as in the line of column names; put cells that hold a "
                            f"{'tab' if delimiter != ',' else 'comma'} in double quotes"
                        )
                cells = list(zip(*filled, strict=True)) or [()] * len(header)
                frame = unguard_formulas(_frame({name: cells[at] for name, at in taken.items()}))
                yield Table(path, frame, np.array(numbers, dtype=np.int64), warnings=warnings)
                start += len(records)
        except csv.Error as error:
            raise CatalogError(
                f"{path}, near line {reader.line_num}: {error}; a double quote is probably not "
                "closed, or not doubled inside quotes"
            ) from error


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    pieces = iter(lambda: file.readline(_LONGEST_LINE + 1), "")
    for number, line in enumerate(pieces, start=1):
        if len(line) > _LONGEST_LINE:
            raise CatalogError(f"{path}, line {number}: is longer than {_LONGEST_LINE:,} letters")
        yield line


def _require_few_columns(path: Path, columns: int) -> None:
    if columns > _MOST_COLUMNS:
        raise CatalogError(
            f"{path} has {columns:,} columns, and {_MOST_COLUMNS:,} are the most that are "
            "read; give the values of an attribute in one column, separated by '|'"
        )


def _first_record(reader: Iterator[list[str]]) -> tuple[int, list[str]]:
    for number, record in enumerate(reader, start=1):
        if record:
            return number, record
    return 0, []


def _name_columns(path: Path, header: Sequence[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    _require_few_columns(path, len(header))
    stripped = [name.strip() for name in header]
    named = {name: position for position, name in enumerate(stripped) if name}
    twice = [name for name, times in Counter(filter(None, stripped)).items() if times > 1]
    if twice:
        first, second, *_ = [i + 1 for i, name in enumerate(stripped) if name == twice[0]]
        raise CatalogError(
            f"{path}: columns {first} and {second} are both named {twice[0]!r}; rename one"
        )
    if not named:
        raise CatalogError(f"{path} has no column names")
    unnamed = len(header) - len(named)
    warnings = (f"{unnamed} columns without a name are ignored",) if unnamed else ()
    return named, warnings


def _frame(columns: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    return pl.DataFrame(
        [pl.Series(name, cells, dtype=pl.String) for name, cells in columns.items()]
    )


def _read_json_lines(path: Path, columns: Collection[str] | None) -> Iterator[Table]:
    with path.open(encoding="utf-8-sig") as file:
        for numbers, records in _json_chunks(path, file):
            cells: dict[str, Sequence[str]] = {_FILLER: [""] * len(records)}
            nested: dict[str, str] = {}
            names = dict.fromkeys(itertools.chain.from_iterable(records))
            _require_few_columns(path, len(names))
            for name in names:
                if not name.strip() or not (columns is None or name in columns):
                    continue
                try:
                    cells[name] = _texts(record.get(name) for record in records)
                except _NestedError as error:
                    nested[name] = f"{error} (row {numbers[error.at]})"
            try:
                frame = _frame(cells)
            except UnicodeEncodeError:
                raise _half_letter(path, numbers, cells) from None
            yield Table(path, frame, np.array(numbers, dtype=np.int64), nested)


def _half_letter(
    path: Path, numbers: Sequence[int], columns: Mapping[str, Sequence[str]]
) -> CatalogError:
    def is_whole(text: str) -> bool:
        return not any("\ud800" <= letter <= "\udfff" for letter in text)

    row, name = next(
        (number, name)
        for name, cells in columns.items()
        for number, cell in zip(numbers, cells, strict=True)
        if not is_whole(name) or not is_whole(cell)
    )
    return CatalogError(
        f"{path}, row {row}, column {name!r}: holds half of a letter, an escape from \\ud800 to "
        "\\udfff without the other half; write the letter itself"
    )


def _json_chunks(
    path: Path, file: TextIO
) -> Iterator[tuple[tuple[int, ...], tuple[dict[str, Any], ...]]]:
    def parsed() -> Iterator[tuple[int, dict[str, Any]]]:
        decided = False
        for number, line in enumerate(_lines(path, file), start=1):
            if line.strip():
                try:
                    record = json.loads(line, object_pairs_hook=_unique_keys)
                except ValueError as error:
                    if decided and not line.endswith("\n"):
                        # A crash tore it, and whoever decided was never told that it was kept.
                        return
                    raise CatalogError(f"{path}, row {number}: broken JSON: {error}") from error
                except RecursionError:
                    raise CatalogError(
                        f"{path}, row {number}: its values are nested too deeply"
                    ) from None
                if not isinstance(record, dict):
                    raise CatalogError(
                        f"{path}, row {number}: each line must be one JSON object, "
                        f"not {type(record).__name__}"
                    )
                decided = decided or DECISION in record
                yield number, record

    records = parsed()
    while chunk := list(itertools.islice(records, _CHUNK)):
        numbers, values = zip(*chunk, strict=True)
        yield numbers, values


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the name {twice!r} is given twice")
    return unique


class _NestedError(Exception):
    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.at = at


def _texts(cells: Iterable[Any]) -> list[str]:
    return [cell if type(cell) is str else _text(cell, at) for at, cell in enumerate(cells)]


def _text(cell: Any, at: int) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, dict):
        raise _NestedError("an object", at)
    if isinstance(cell, list):
        if any(isinstance(item, list) for item in cell):
            raise _NestedError("a list of lists", at)
        items = [_text(item, at) for item in cell]
        if any(VALUES in item for item in items):
            raise _NestedError(f"an item with a {VALUES!r}, which separates values,", at)
        return VALUES.join(items)
    return str(cell)


def _read_parquet(path: Path, columns: Collection[str] | None) -> Iterator[Table]:
    try:
        lazy = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        schema = lazy.collect_schema()
        _require_few_columns(path, len(schema))
        taken = {name: schema[name] for name in schema if columns is None or name in columns}
        for start in range(0, lazy.select(pl.len()).collect().item(), _SLICE):
            yield _parquet_part(path, lazy.slice(start, _SLICE), taken, start)
    # The reader panics at some damage, which is no Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CatalogError(f"{path} is damaged or no Parquet file: {reason}") from error


def _parquet_part(
    path: Path, lazy: pl.LazyFrame, schema: Mapping[str, pl.DataType], start: int
) -> Table:
    nested = {
        name: f"values of type {dtype}" for name, dtype in schema.items() if not _is_text(dtype)
    }
    wanted = [_as_text(name, dtype) for name, dtype in schema.items() if name not in nested]
    height = lazy.select(pl.len()).collect(engine="streaming").item()
    frame = lazy.select(wanted).collect(engine="streaming")
    for name in frame.columns:
        dtype = schema[name]
        if isinstance(dtype, pl.List) and dtype.inner == pl.String:
            barred = lazy.select(
                pl.col(name).list.eval(pl.element().str.contains(VALUES, literal=True)).list.any()
            ).collect()[name]
            if barred.any():
                at = start + barred.arg_true()[0]
                nested[name] = f"an item with a {VALUES!r}, which separates values, (row {at + 1})"
    rows = np.arange(start + 1, start + height + 1, dtype=np.int64)
    return Table(path, frame.drop(*nested, strict=False), rows, nested)


def _is_text(dtype: pl.DataType) -> bool:
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    return not (inner.is_nested() or inner in (pl.Binary, pl.Object))


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.List):
        items = pl.element().fill_nan(None) if dtype.inner.is_float() else pl.element()
        column = column.list.eval(items.cast(pl.String)).list.join(VALUES, ignore_nulls=True)
    elif dtype.is_float():
        column = column.fill_nan(None)
    return column.cast(pl.String).fill_null("")


def _not_utf8(path: Path) -> CatalogError:
    content = path.read_bytes()
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return CatalogError(
            f"{path}, line {line}: not UTF-8 (byte 0x{content[error.start]:02x} at position "
            f"{error.start}); save the file as UTF-8"
        )
    raise AssertionError("the file changed while it was read")
