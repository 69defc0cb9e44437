"""Binary COPY with rows laid out by numpy: no Python object per row, in either direction."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, LiteralString

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

Cursor = psycopg.Cursor[tuple[Any, ...]]

CHUNK_ROWS = 32_768
ROWS_A_RUN = 64
"""Runs of rows with texts of equal length must be this long on average to be worth laying out one by one."""
_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
FLOAT8_OID = 701
_EPOCH_DATE = np.datetime64("2000-01-01", "D")
_EPOCH_INSTANT = np.datetime64("2000-01-01T00:00:00", "us")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Text:
    """A text column as few distinct labels and one code a row: `labels[codes[i]]` is the text of row i."""

    labels: Sequence[str]
    codes: NDArray[np.integer[Any]]


Column = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.int16] | NDArray[np.datetime64] | Text
"""float64 (stored as float8, with two dimensions as float8[]), int64 (int8), int16 (int2), datetime64[D] (date), other
datetime64 (timestamptz, read as UTC), or `Text`."""


def copy_binary(cursor: Cursor, table: str, columns: Mapping[str, Column]) -> int:
    """COPY `columns` (all of one length) into `table` and return the number of rows.

    NaN is stored as NaN; NaT raises ValueError, as do columns of other types or unequal lengths.
    """
    lengths = {name: len(column.codes if isinstance(column, Text) else column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"`columns` must have one length, had {lengths}")
    rows = next(iter(lengths.values()))
    fields = [_Field.of(name, column) for name, column in columns.items()]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with cursor.copy(statement) as copy:
        copy.write(_HEADER)
        for start in range(0, rows, CHUNK_ROWS):
            copy.write(_lay_out(fields, start, min(start + CHUNK_ROWS, rows)))
        copy.write(_TRAILER)
    return rows


def read_binary(
    cursor: Cursor,
    query: LiteralString,
    parameters: Sequence[object],
    columns: Mapping[str, str],
    *,
    block: str | None = None,
) -> dict[str, NDArray[Any]]:
    """The rows of `query` as one array a column; `columns` names each with its type, in order.

    Types: "float8", "int4", "date" (datetime64[D]), "timestamptz" (datetime64[us], UTC). A NULL raises ValueError.
    The server sends all rows as one, which has room for ten million of them, or one for each value of the column
    `block`, by that value; the order of rows within a block is then any.
    """
    blocks: dict[str, list[NDArray[Any]]] = {name: [np.empty(0, dtype=_WIRE[kind])] for name, kind in columns.items()}
    with cursor.copy(_in_blocks(query, columns, block), parameters) as copy:
        raw = memoryview(b"".join(bytes(part) for part in copy))
    place = len(_HEADER)
    while raw[place : place + 2] != _TRAILER:
        [rows] = struct.unpack_from(">q", raw, place + 6)
        place += 14
        for name, kind in columns.items():
            [size] = struct.unpack_from(">i", raw, place)
            width = np.dtype(_WIRE[kind]).itemsize
            if rows and size != rows * width:
                raise ValueError(f"column `{name}` must hold {kind} without NULL")
            place += 4 + max(size, 0)
            blocks[name].append(np.frombuffer(raw[place - max(size, 0) : place], dtype=_WIRE[kind]))
    return {name: _decode(np.concatenate(blocks[name]), kind) for name, kind in columns.items()}


_WIRE = {"float8": ">f8", "int4": ">i4", "date": ">i4", "timestamptz": ">i8"}
_SEND = {"float8": "float8send", "int4": "int4send", "date": "date_send", "timestamptz": "timestamptz_send"}


def _in_blocks(query: LiteralString, columns: Mapping[str, str], block: str | None) -> sql.Composed:
    """A column's values, one after the other, as one value: a message a row would cost more than all the rest."""
    strung = [
        sql.SQL("string_agg({}({}), ''::bytea)").format(sql.Identifier(_SEND[kind]), sql.Identifier(name))
        for name, kind in columns.items()
    ]
    grouped = sql.SQL("") if block is None else sql.SQL("GROUP BY {0} ORDER BY {0}").format(sql.Identifier(block))
    return sql.SQL("COPY (SELECT count(*), {} FROM ({}) AS found ({}) {}) TO STDOUT (FORMAT BINARY)").format(
        sql.SQL(", ").join(strung), sql.SQL(query), sql.SQL(", ").join(map(sql.Identifier, columns)), grouped
    )


def _decode(values: NDArray[Any], kind: str) -> NDArray[Any]:
    if kind == "date":
        return _EPOCH_DATE + values.astype("timedelta64[D]")
    if kind == "timestamptz":
        return _EPOCH_INSTANT + values.astype("timedelta64[us]")
    return values.astype(values.dtype.newbyteorder("="))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Field:
    """One column as bytes of a fixed width; `lengths` tells how many of them count where that differs."""

    bytes_: NDArray[np.uint8]
    codes: NDArray[np.integer[Any]] | None
    lengths: NDArray[np.int64] | None

    @classmethod
    def of(cls, name: str, column: Column) -> "_Field":
        if isinstance(column, Text):
            return cls._of_text(column)
        if column.dtype == np.float64 and column.ndim == 2:
            return cls._of_arrays(column)
        if column.dtype == np.float64:
            return cls._of_fixed(column.astype(">f8"))
        if column.dtype in (np.int64, np.int16):
            return cls._of_fixed(column.astype(column.dtype.newbyteorder(">")))
        if column.dtype.kind != "M":
            raise ValueError(f"column `{name}` must be float64, int64, int16, datetime64 or Text, was {column.dtype}")
        if bool(np.isnat(column).any()):
            raise ValueError(f"column `{name}` must not hold NaT")
        if column.dtype == np.dtype("datetime64[D]"):
            days: NDArray[np.datetime64] = column.astype("datetime64[D]")
            return cls._of_fixed((days - _EPOCH_DATE).astype(np.int64).astype(">i4"))
        instants: NDArray[np.datetime64] = column.astype("datetime64[us]")
        return cls._of_fixed((instants - _EPOCH_INSTANT).astype(np.int64).astype(">i8"))

    @classmethod
    def _of_fixed(cls, values: NDArray[Any]) -> "_Field":
        width = values.dtype.itemsize
        laid = np.empty((len(values), 4 + width), dtype=np.uint8)
        laid[:, :4] = np.frombuffer(width.to_bytes(4, "big"), dtype=np.uint8)
        laid[:, 4:] = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), width)
        return cls(bytes_=laid, codes=None, lengths=None)

    @classmethod
    def _of_arrays(cls, values: NDArray[Any]) -> "_Field":
        """Each row as a float8[]: dimensions, whether any is null, type, length, first index, then the elements."""
        rows, width = values.shape
        size = 20 + 12 * width
        laid = np.empty((rows, 4 + size), dtype=np.uint8)
        laid[:, :24] = np.frombuffer(struct.pack(">iiiiii", size, 1, 0, FLOAT8_OID, width, 1), dtype=np.uint8)
        elements = laid[:, 24:].reshape(rows, width, 12)
        elements[:, :, :4] = np.frombuffer(struct.pack(">i", 8), dtype=np.uint8)
        elements[:, :, 4:] = np.ascontiguousarray(values.astype(">f8")).view(np.uint8).reshape(rows, width, 8)
        return cls(bytes_=laid, codes=None, lengths=None)

    @classmethod
    def _of_text(cls, column: Text) -> "_Field":
        encoded = [label.encode() for label in column.labels]
        if any(b"\x00" in label for label in encoded):
            raise ValueError("a text must not hold a NUL character")
        width = max((len(label) for label in encoded), default=0)
        padded = b"".join(len(label).to_bytes(4, "big") + label.ljust(width, b"\x00") for label in encoded)
        laid = np.frombuffer(padded, dtype=np.uint8).reshape(len(encoded), 4 + width)
        lengths = np.array([4 + len(label) for label in encoded], dtype=np.int64)
        return cls(bytes_=laid, codes=column.codes, lengths=None if len(set(lengths)) <= 1 else lengths)


def _lay_out(fields: list[_Field], start: int, stop: int) -> bytes:
    """The rows `start`..`stop` as they go over the wire."""
    edges = _edges(fields, start, stop)
    if len(edges) * ROWS_A_RUN > stop - start:
        return _masked(fields, start, stop)
    bounds = [start, *(start + edge for edge in edges), stop]
    return b"".join(_even(fields, first, last) for first, last in pairwise(bounds))


def _edges(fields: list[_Field], start: int, stop: int) -> list[int]:
    """Rows, counted from `start`, in which some text is of another length than in the row before."""
    changes = np.zeros(stop - start, dtype=np.bool_)
    for field in fields:
        if field.lengths is not None and field.codes is not None:
            changes[1:] |= np.diff(field.lengths[field.codes[start:stop]]) != 0
    edges: list[int] = np.flatnonzero(changes).tolist()
    return edges


def _even(fields: list[_Field], start: int, stop: int) -> bytes:
    """Rows whose texts are all as long as those of the first of them."""
    parts = []
    for field in fields:
        if field.codes is None:
            parts.append(field.bytes_[start:stop])
            continue
        codes = field.codes[start:stop]
        width = field.bytes_.shape[1] if field.lengths is None else int(field.lengths[codes[0]])
        parts.append(field.bytes_[codes, :width])
    rows = np.empty((stop - start, 2 + sum(part.shape[1] for part in parts)), dtype=np.uint8)
    rows[:, :2] = np.frombuffer(len(fields).to_bytes(2, "big"), dtype=np.uint8)
    left = 2
    for part in parts:
        rows[:, left : left + part.shape[1]] = part
        left += part.shape[1]
    return rows.tobytes()


def _masked(fields: list[_Field], start: int, stop: int) -> bytes:
    """Rows with texts of any length: laid out at the full width, and what is padding left out."""
    widths = [field.bytes_.shape[1] for field in fields]
    rows = np.empty((stop - start, 2 + sum(widths)), dtype=np.uint8)
    rows[:, :2] = np.frombuffer(len(fields).to_bytes(2, "big"), dtype=np.uint8)
    kept: NDArray[np.bool_] | None = None
    left = 2
    for field, width in zip(fields, widths, strict=True):
        if field.codes is None:
            rows[:, left : left + width] = field.bytes_[start:stop]
        else:
            codes = field.codes[start:stop]
            rows[:, left : left + width] = field.bytes_[codes]
            if field.lengths is not None:
                if kept is None:
                    kept = np.ones(rows.shape, dtype=np.bool_)
                kept[:, left : left + width] = np.arange(width) < field.lengths[codes][:, None]
        left += width
    return rows.tobytes() if kept is None else rows[kept].tobytes()
