"""Captions: letters are drawn, and those that the font lacks are named."""

from __future__ import annotations

from PIL import Image, ImageDraw

from amc.data.fonts import drawable, text_font


def test_letters_of_many_alphabets_are_drawn() -> None:
    font = text_font(12)
    drawn = set()
    for letter in "é ü ř ß ø ő ж π ş ł":
        if letter != " ":
            picture = Image.new("L", (20, 20))
            ImageDraw.Draw(picture).text((2, 2), letter, 255, font)
            drawn.add(picture.tobytes())
    assert len(drawn) == 10  # a font without them would draw the same box for each
    assert drawable(font, "café žába Мария 3,5°") == "café žába Мария 3,5°"


def test_letters_that_the_font_lacks_are_codes() -> None:
    assert drawable(text_font(12), "挥手 a") == "U+6325U+624B a"
