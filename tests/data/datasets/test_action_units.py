"""Table A of the paper."""

from __future__ import annotations

import pytest

from amc.data.datasets.action_units import (
    MEASURED,
    PROTOTYPES,
    TABLE_A,
    UNITS,
    Term,
    measured,
    parse_prototype,
    unmeasured,
)


def test_units_of_each_emotion() -> None:
    assert {emotion: sorted(units) for emotion, units in UNITS.items()} == {
        "anger": [4, 5, 7, 10, 17, 22, 23, 24, 25, 26],
        "disgust": [9, 10, 16, 17, 25, 26],
        "fear": [1, 2, 4, 5, 20, 25, 26, 27],
        "happy": [6, 12],
        "sad": [1, 4, 6, 11, 15, 17, 25, 26, 54, 64],
        "surprise": [1, 2, 5, 26, 27],
    }


def test_rows_of_the_table() -> None:
    assert {emotion: len(rows) for emotion, rows in TABLE_A.items()} == {
        "disgust": 6,
        "surprise": 4,
        "anger": 5,
        "happy": 2,
        "sad": 7,
        "fear": 6,
    }


def test_what_openface_measures() -> None:
    assert len(MEASURED) == 17
    assert sorted(set().union(*UNITS.values()) - MEASURED) == [11, 16, 22, 24, 27, 54, 64]
    assert unmeasured("sad") == (11, 54, 64)
    assert measured("surprise") == (1, 2, 5, 26)
    assert unmeasured("happy") == ()


def test_notation() -> None:
    assert parse_prototype("11 15B ?54+64 ?25,26") == (
        Term(((11,),)),
        Term(((15,),), level="B"),
        Term(((54, 64),), optional=True),
        Term(((25,), (26,)), optional=True),
    )
    assert parse_prototype("5* LR20* 12C/D") == (
        Term(((5,),), level="*"),
        Term(((20,),), level="*", one_side=True),
        Term(((12,),), level="C/D"),
    )
    assert PROTOTYPES["happy"][0][1].units == {12}
    with pytest.raises(ValueError, match="'5F'"):
        parse_prototype("4 5F")
