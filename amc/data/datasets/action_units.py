"""Table A of the paper: the facial action units of each emotion, and which of them OpenFace measures.

A prototype is a space-separated list of terms:

======  ======================================================================================================
`9`     action unit 9
`5B`    at this intensity (FACS levels A to E; `12C/D`: either level; `5Z`: as printed in the table)
`10*`   at any intensity (a single asterisk in the table)
`25,26` one of these units
`?…`    optional (+/- in the table); the units of `?54+64` occur together
`LR20*` on the left or the right side only
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

# The double asterisk of the table: each prototype of anger can occur without any one of these.
ANGER_WITHOUT_ONE_OF = frozenset({4, 5, 7, 10})

# Units with a column of intensities in OpenFace's tables: `AU01_r` and so on.
MEASURED = frozenset({1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45})

_TERM = re.compile(r"(?P<optional>\??)(?P<side>(?:LR)?)(?P<units>\d+(?:[,+]\d+)*)(?P<level>\*|[A-EZ](?:/[A-EZ])?|)")


@dataclass(frozen=True)
class Term:
    """One term of a prototype.

    Attributes:
        choices: groups of units. One group occurs, with all its units.
        level: "" if the table gives none, "*" for any, else letters such as "B" or "C/D".
        optional: the term may be missing.
        one_side: the units occur on the left or the right side only.
    """

    choices: tuple[tuple[int, ...], ...]
    level: str = ""
    optional: bool = False
    one_side: bool = False

    @property
    def units(self) -> frozenset[int]:
        """All units of the term."""
        return frozenset(unit for choice in self.choices for unit in choice)


def parse_prototype(text: str) -> tuple[Term, ...]:
    """Parses a prototype in the notation of this module.

    Raises:
        ValueError: a term is malformed.
    """
    terms = []
    for word in text.split():
        match = _TERM.fullmatch(word)
        if match is None:
            raise ValueError(f"malformed term {word!r} in prototype {text!r}")
        choices = tuple(tuple(int(unit) for unit in choice.split("+")) for choice in match["units"].split(","))
        terms.append(Term(choices, match["level"], bool(match["optional"]), bool(match["side"])))
    return tuple(terms)


# The parsed prototypes of each emotion.
PROTOTYPES: Mapping[str, tuple[tuple[Term, ...], ...]] = {
    emotion: tuple(parse_prototype(text) for text in TABLE_A[emotion]) for emotion in EMOTIONS
}

# The units of each emotion, over all its prototypes.
UNITS: Mapping[str, frozenset[int]] = {
    emotion: frozenset().union(*(term.units for prototype in PROTOTYPES[emotion] for term in prototype))
    for emotion in EMOTIONS
}


def measured(emotion: str) -> tuple[int, ...]:
    """The units of an emotion that OpenFace measures, sorted."""
    return tuple(sorted(UNITS[emotion] & MEASURED))


def unmeasured(emotion: str) -> tuple[int, ...]:
    """The units of an emotion that OpenFace does not measure, sorted. They are not used to find the peak."""
    return tuple(sorted(UNITS[emotion] - MEASURED))
