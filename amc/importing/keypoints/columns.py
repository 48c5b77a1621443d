"""Which column of a keypoint table is what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from amc.errors import UserError
from amc.importing.keypoints.table_text import TableText

_KNOWN = re.compile(r"^(video|frame|[xy]_\d+|.+_[xy])$")
_NAMED = re.compile(r"(?P<name>.+)_(?P<axis>[xy]|z|likelihood|confidence|score|visibility|presence)")


def is_known(cell: str) -> bool:
    """Whether a column name is one that a keypoint table may have."""
    return _KNOWN.search(column_name(cell)) is not None


def columns_of_axis(axis: str, k: int) -> list[str]:
    """The names of the columns with one coordinate of k points: `x_0`, `x_1`, …"""
    return [f"{axis}_{i}" for i in range(k)]


def column_name(name: str) -> str:
    """A column name in the form of this format: `X 0` and `x0` are `x_0`."""
    plain = re.sub(r"[ .-]+", "_", name.strip().lower())
    return re.sub(r"^([xy])(\d+)$", r"\1_\2", plain)


@dataclass(frozen=True)
class Columns:
    """Which column is what.

    Attributes:
        at: index of each column of this format.
        k: number of points.
        names: names of the points if the columns have them.
        unnamed: indices of columns without a name, which spreadsheets and pandas add.
        unused: names of columns that are known and not used.
    """

    at: Mapping[str, int]
    k: int
    names: tuple[str, ...] | None
    unnamed: tuple[int, ...]
    unused: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, text: TableText) -> Columns:
        unnamed = tuple(i for i, name in enumerate(text.header) if re.fullmatch(r"(?i)(unnamed: \d+)?", name))
        header = {i: column_name(name) for i, name in enumerate(text.header) if i not in unnamed}
        repeated = [text.header[i] for i, name in header.items() if list(header.values()).count(name) > 1]
        if repeated:
            raise UserError(f"{path}: column {repeated[0]!r} appears twice")
        names, unused = None, []
        if not any(re.fullmatch(r"x_\d+", name) for name in header.values()):
            ends = {
                match["name"]: i
                for i, name in header.items()
                if (match := _NAMED.fullmatch(name)) and match["axis"] == "x"
            }
            names = tuple(re.sub(r"[ _.-]x$", "", text.header[i], flags=re.IGNORECASE) for i in ends.values()) or None
            numbers = {name: number for number, name in enumerate(ends)}
            for i, name in list(header.items()):
                match = _NAMED.fullmatch(name)
                if match and match["name"] in numbers:
                    if match["axis"] in ("x", "y"):
                        header[i] = f"{match['axis']}_{numbers[match['name']]}"
                    else:
                        unused.append(text.header[i])
                        del header[i]
        known = list(header.values())
        k = sum(re.fullmatch(r"x_\d+", name) is not None for name in known)
        wanted = ["video", "frame", *columns_of_axis("x", max(k, 1)), *columns_of_axis("y", max(k, 1))]
        missing = [name for name in wanted if name not in known]
        if missing:
            found = ", ".join(text.header)
            raise UserError(
                f"{path}: no column {missing[0]!r} among {found if len(found) < 60 else found[:60] + '…'} (a keypoint "
                "table has video, frame, x_0…, y_0…)"
            )
        unknown = [text.header[i] for i, name in header.items() if name not in {*wanted, "confidence"}]
        if unknown:
            raise UserError(
                f"{path}: unknown column {unknown[0]!r}; known are video, frame, x_0…x_{k - 1}, y_0…y_{k - 1}, "
                "confidence"
            )
        return cls({name: i for i, name in header.items()}, k, names, unnamed, tuple(unused))
