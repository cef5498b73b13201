"""Parquet files, by pyarrow of the extra `data`: columns of numbers, of lists or of images.

Data hubs write images as columns of bytes, and the names of their classes beside the columns.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from bridges import _checks
from bridges.data import images
from bridges.data.labels import numbered
from bridges.data.members import label_column
from bridges.data.raw import Raw, need, reading, say
from bridges.data.reading import Reading

_UNFOLDS = 3  # bytes in memory, per byte that the file says its columns unfold to


def parquet(path: Path, how: Reading) -> Raw:
    """The rows of a table, with a column of labels where it has one."""
    library, types = (
        need("pyarrow.parquet", "Parquet files"),
        need("pyarrow.types", "Parquet files"),
    )
    with reading(path), library.ParquetFile(path) as file:
        schema, about = file.schema_arrow, file.metadata
        groups = [about.row_group(k) for k in range(about.num_row_groups)]
        unfolded = sum(group.total_byte_size for group in groups)
        values = sum(g.column(k).num_values for g in groups for k in range(about.num_columns))
    needed = max(_UNFOLDS * unfolded, 8 * values)  # equal numbers may be written once
    _checks.within_memory(needed, f"data: columns of {path}")
    label = label_column(path, schema.names, how)
    names = [name for name in schema.names if name != label]
    columns, read = _of_data(path, schema, names, types, how)
    with reading(path):
        table = library.read_table(path, columns=[*columns, *([label] if label else [])])
        empty = [name for name in table.column_names if table[name].null_count]
    if empty:
        raise ValueError(
            f"data: {path} must have a value in every row, got none in some of {empty}"
        )
    raw = read(path, table, columns, how)
    if label is None:
        return raw
    with reading(path):
        given = table[label].to_numpy()
    given = given.astype(str) if given.dtype.kind == "O" else given
    labels, found = numbered(path, f"column {label!r}", given, len(raw.values))
    return Raw(raw.values, labels, found or _class_names(schema, label), raw.axes)


def _of_data(path: Path, schema: Any, names: list[str], types: Any, how: Reading) -> Any:
    """The columns that hold the data, and the function that makes rows of them."""
    kinds = {name: schema.field(name).type for name in names}
    if how.array is not None:
        if how.array not in kinds:
            raise ValueError(f"data: array of {path} must be one of {names}, got {how.array!r}")
        kinds = {how.array: kinds[how.array]}
    pictures = [name for name, kind in kinds.items() if _is_picture(kind, types)]
    lists = [name for name, kind in kinds.items() if _is_list(kind, types)]
    numbers = [name for name, kind in kinds.items() if _is_number(kind, types)]
    for found, read in ((pictures, _pictures), (lists, _lists)):
        if len(found) > 1:
            raise ValueError(
                f"data: {path} must hold one column of data, got {found}; say which with --array"
            )
        if found:
            left = [name for name in names if name not in found]
            if left:
                say(f"data: columns of {path} left out: {', '.join(map(repr, left))}")
            return found, read
    wrong = [name for name in kinds if name not in numbers]
    if wrong or not numbers:
        raise ValueError(
            f"data: {path} must hold columns of numbers, of lists of them, or of images, and one "
            f"of labels, named with --label, got others, {wrong}"
        )
    return numbers, _numbers


def _is_picture(kind: Any, types: Any) -> bool:
    if types.is_struct(kind):
        return any(field.name == "bytes" and _is_bytes(field.type, types) for field in kind)
    return _is_bytes(kind, types)


def _is_bytes(kind: Any, types: Any) -> bool:
    return types.is_binary(kind) or types.is_large_binary(kind)


def _is_list(kind: Any, types: Any) -> bool:
    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def _is_number(kind: Any, types: Any) -> bool:
    return types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)


def _numbers(path: Path, table: Any, columns: list[str], how: Reading) -> Raw:
    how.refuse_all_but("columns of numbers", "label", "array")
    with reading(path):
        return Raw(np.stack([table[name].to_numpy() for name in columns], axis=1))


def _lists(path: Path, table: Any, columns: list[str], how: Reading) -> Raw:
    """Lists of one length, also of lists, as images have them."""
    how.refuse_all_but("columns of lists", "label", "array")
    column = table[columns[0]].combine_chunks()
    shape = [len(column)]
    with reading(path):
        while hasattr(column, "flatten") and hasattr(column.type, "value_type"):
            values = column.flatten()
            if len(values) % max(shape[-1], 1) or len(set(_lengths(column))) > 1:
                raise ValueError(f"lists of {columns[0]!r} must have one length")
            shape.append(len(values) // max(len(column), 1))
            column = values
        if column.null_count:
            raise ValueError(f"lists of {columns[0]!r} must have a value in every place")
        values = column.to_numpy(zero_copy_only=False)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"data: {path} must hold real numbers, got lists of {column.type}")
    return Raw(values.reshape(shape))


def _lengths(column: Any) -> list[int]:
    compute = need("pyarrow.compute", "Parquet files")
    return compute.list_value_length(column).unique().to_pylist()


def _pictures(path: Path, table: Any, columns: list[str], how: Reading) -> Raw:
    how.refuse_all_but("columns of images", "label", "array", "grey", "ground", "resize")
    with reading(path):
        contents = table[columns[0]].to_pylist()
    parts = [one["bytes"] if isinstance(one, dict) else one for one in contents]
    if not parts or any(part is None for part in parts):
        raise ValueError(f"data: {path} must hold the bytes of its images, got paths or nothing")
    rows = [images.Picture(path / f"row {k}", part) for k, part in enumerate(parts)]
    values, several = images.pixels(path, rows, how)
    if several:
        say(f"data: only the first frame of {several} images of {path} is read")
    return Raw(values, axes="HWC" if values.ndim > 3 else "HW")


def _class_names(schema: Any, label: str) -> list[str] | None:
    """The names that a data hub gives to the classes of a column, if any."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])
        names = about["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    return [str(one) for one in names] if isinstance(names, list) else None
