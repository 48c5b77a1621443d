"""The font of all pictures: DejaVu Sans, which matplotlib brings along and which has most letters."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


@lru_cache(maxsize=8)
def text_font(size: int) -> Font:
    """The font in a size in pixels; Pillow's own if matplotlib's is missing."""
    found = find_spec("matplotlib")  # not imported, which takes long
    for place in (found.submodule_search_locations or ()) if found is not None else ():
        path = Path(place) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def drawable(font: Font, text: str) -> str:
    """The text with letters that the font lacks replaced by their codes, such as `U+4E2D`."""
    return "".join(letter if _has(font, letter) else f"U+{ord(letter):04X}" for letter in text)


@lru_cache(maxsize=4096)
def _has(font: Font, letter: str) -> bool:
    """Whether the font has a letter; where not, it draws the same box as for a code point that no font has."""
    return letter.isascii() or bytes(font.getmask(letter)) != bytes(font.getmask("\U0010fffe"))
