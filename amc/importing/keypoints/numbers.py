"""Numbers in tables and in JSON files."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from amc.errors import UserError
from amc.importing.keypoints.table import FARTHEST

_DIGITS = 300  # of the longest integers that a float holds


def parse_json(data: bytes) -> Any:
    """Parses JSON; integers that no float holds are infinite, so that checks of the range find them.

    Raises:
        ValueError: the bytes are not JSON.
        RecursionError: lists or objects are nested too deeply.
    """
    return json.loads(data, parse_int=lambda text: int(text) if len(text) <= _DIGITS else float(text))


class Numbers:
    """Parses the numbers of a table, all with decimal points or all with decimal commas."""

    def __init__(self) -> None:
        self.point = self.comma = ""  # the first number with it and its place
        self.thousands = True  # whether each comma is followed by three digits

    def parse(self, where: str, column: str, text: str) -> float:
        plain = text
        if re.fullmatch(r"[+-]?\d+,\d+(e[+-]?\d+)?", text, re.IGNORECASE):
            self.comma = self.comma or f"{where}: {column} is {text!r}"
            self.thousands &= re.search(r",\d{3}$", text) is not None
            plain = text.replace(",", ".")
        elif "." in text:
            self.point = self.point or f"{where}: {column} is {text!r}"
        try:
            value = float(plain)
        except ValueError:
            value = math.nan
        # float() also accepts underscores between digits.
        if not math.isfinite(value) or "_" in text or abs(value) > FARTHEST:
            raise UserError(f"{where}: {column} is {text!r}, which is not a plausible number")
        return value

    def check(self) -> None:
        """Checks that commas and points are not mixed."""
        if self.comma and self.point:
            raise UserError(f"{self.comma}, but {self.point.split(': ')[-1]} in another place: use decimal points")
        if self.comma and self.thousands:
            raise UserError(f"{self.comma}: a decimal comma or thousands? Use decimal points and no other separator")
