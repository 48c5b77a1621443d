"""Table A of the paper: which facial action units make an emotion, and which of them OpenFace measures.

A prototype is written as terms with spaces between them, all of which belong to it:

======  ======================================================================================================
`9`     action unit 9
`5B`    at the intensity written (FACS levels A to E; `12C/D`: either; `5Z`: as the table prints it)
`10*`   at any level of intensity (the table's single asterisk)
`25,26` one of these
`?…`    with or without it (the table's +/-); `?54+64` are two that come together
`LR20*` on the left or on the right side only
======  ======================================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from amc.data.datasets.mug import EMOTIONS

# Table A (EMFACS, after Fasel et al. 2004), row by row.
TABLE_A: Mapping[str, tuple[str, ...]] = {
    "disgust": ("9", "9 16 25,26", "9 17", "10*", "10* 16 25,26", "10 17"),
    "surprise": ("1 2 5B 26,27", "1 2 5B", "1 2 26,27", "5B 26,27"),
    "anger": (
        "4 5* 7 10* 22 23 25,26",
        "4 5* 7 10* 23 25,26",
        "4 5* 7 23 25,26",
        "4 5* 7 17 23,24",
        "4 5* 7 23,24",
    ),
    "happy": ("6 12*", "12C/D"),
    "sad": (
        "1 4 11 15B ?54+64 ?25,26",
        "1 4 15* ?54+64 ?25,26",
        "6 15* ?54+64 ?25,26",
        "1 4 15B ?54+64 ?25,26",
        "1 4 15B 17 ?54+64 ?25,26",
        "11 15B ?54+64 ?25,26",
        "11 17 ?25,26",
    ),
    "fear": (
        "1 2 4 5* 20* 25,26,27",
        "1 2 4 5* 25,26,27",
        "1 2 4 5* LR20* 25,26,27",
        "1 2 4 5*",
        "1 2 5Z ?25,26,27",
        "5* 20* ?25,26,27",
    ),
}

# The table's double asterisk: each prototype of anger can occur without any one of these.
ANGER_WITHOUT_ONE_OF = frozenset({4, 5, 7, 10})

# Units for whose intensity OpenFace has a column, `AU01_r` and so on.
MEASURED = frozenset({1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45})

_TERM = re.compile(r"(?P<optional>\??)(?P<side>(?:LR)?)(?P<units>\d+(?:[,+]\d+)*)(?P<level>\*|[A-EZ](?:/[A-EZ])?|)")


@dataclass(frozen=True)
class Term:
    """One term of a prototype.

    Attributes:
        choices: groups of units, one of which is there; the units of a group come together.
        level: "" where the table says nothing, "*" for any, else letters such as "B" or "C/D".
        optional: with or without it.
        one_side: on the left or on the right only.
    """

    choices: tuple[tuple[int, ...], ...]
    level: str = ""
    optional: bool = False
    one_side: bool = False

    @property
    def units(self) -> frozenset[int]:
        """All units that the term names."""
        return frozenset(unit for choice in self.choices for unit in choice)


def parse_prototype(text: str) -> tuple[Term, ...]:
    """The terms of a prototype in this module's notation.

    Raises:
        ValueError: it is not in this notation.
    """
    terms = []
    for word in text.split():
        match = _TERM.fullmatch(word)
        if match is None:
            raise ValueError(f"{word!r} in {text!r} is no term of a prototype")
        choices = tuple(tuple(int(unit) for unit in choice.split("+")) for choice in match["units"].split(","))
        terms.append(Term(choices, match["level"], bool(match["optional"]), bool(match["side"])))
    return tuple(terms)


# Each emotion's prototypes, parsed.
PROTOTYPES: Mapping[str, tuple[tuple[Term, ...], ...]] = {
    emotion: tuple(parse_prototype(text) for text in TABLE_A[emotion]) for emotion in EMOTIONS
}

# Each emotion's units, over all its prototypes.
UNITS: Mapping[str, frozenset[int]] = {
    emotion: frozenset().union(*(term.units for prototype in PROTOTYPES[emotion] for term in prototype))
    for emotion in EMOTIONS
}


def measured(emotion: str) -> tuple[int, ...]:
    """The units of an emotion whose intensity OpenFace gives, sorted."""
    return tuple(sorted(UNITS[emotion] & MEASURED))


def unmeasured(emotion: str) -> tuple[int, ...]:
    """The units of an emotion that OpenFace gives no intensity for, sorted: they take no part in finding the peak."""
    return tuple(sorted(UNITS[emotion] - MEASURED))
