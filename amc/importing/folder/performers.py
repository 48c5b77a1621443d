"""Finds who performs in a video from the name of its file.

Words for a person come before single letters, whatever their order in the name. Numbers of episodes, set-ups, cameras,
resolutions, frame rates and codecs are no performers. A name that states two performers states none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

# Not the height of a picture, such as 1080p, nor frames per second.
_NUMBER = r"[ _.-]?0*(?P<number>\d+)(?!\d|[pik](?![a-z])|fps)"

# What a name can say, most explicit first.
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (shown, re.compile(pattern, re.IGNORECASE))
    for shown, pattern in (
        ("subject N", rf"(?<![a-z])(?:subject|subj|performer|participant|person|actor|signer|speaker){_NUMBER}"),
        ("user N", rf"(?<![a-z])(?:user|sub|volunteer|player|patient|proband){_NUMBER}"),
        # NTU RGB+D: S set-up, C camera, P performer, R replication, A action.
        ("PN in SnnnCnnnPnnnRnnnAnnn", r"(?<![a-z0-9])S\d+C\d+P0*(?P<number>\d+)R\d+A\d+(?![a-z0-9])"),
        # A word of letters and numbers in turn, such as g04s17 or a1p2; s01e02 is an episode of a series.
        ("s or p N after a number", r"(?<![a-z0-9])(?:[a-df-oqrt-z]\d+)+[sp]0*(?P<number>\d+)(?![a-z0-9])"),
        # Not p720, nor a year.
        ("s or p N", r"(?<![a-z0-9])[sp][ _-]?0*(?!144|240|360|480|720)(?P<number>\d{1,3}|\d{5,})(?![a-z0-9])"),
        ("s or p N", r"(?<![a-z0-9])[sp]0*(?P<number>\d{1,3})(?:[a-df-z]\d+)+(?![a-z0-9])"),
        ("id N", rf"(?<![a-z])id{_NUMBER}"),
    )
)


@dataclass(frozen=True)
class NamedPerformer:
    """What a file name says.

    Attributes:
        number: the performer; None if the name states none, or several.
        pattern: the words that state it, such as `subject N`; empty if there are none.
        candidates: all numbers that the most explicit pattern finds.
    """

    number: str | None
    pattern: str = ""
    candidates: tuple[str, ...] = ()


def named_performer(name: str) -> NamedPerformer:
    """The performer that a file name states."""
    stem = PurePath(name).stem
    for shown, pattern in _PATTERNS:
        found = tuple(dict.fromkeys(match["number"] for match in pattern.finditer(stem)))
        if found:
            return NamedPerformer(found[0] if len(found) == 1 else None, shown, found)
    return NamedPerformer(None)
