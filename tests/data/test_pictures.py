"""Pictures of all kinds as 8-bit RGB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from amc.data.pictures import rgb_pixels

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("a.png", GREY),
        ("b.png", GREY.astype(np.uint16) * 257),
        ("c.tif", GREY.astype(np.uint16) * 257),
        ("d.tif", (GREY / 255).astype(np.float32)),
        ("e.tif", GREY.astype(np.float32)),
        ("f.tif", GREY.astype(np.float32) * 257),
        ("g.tif", GREY.astype(np.int32)),
        ("h.tif", GREY.astype(np.int32) * 257),
    ],
)
def test_grey_of_any_depth(tmp_path: Path, name: str, pixels: NDArray[np.generic]) -> None:
    Image.fromarray(pixels).save(tmp_path / name)
    with Image.open(tmp_path / name) as image:
        np.testing.assert_array_equal(rgb_pixels(image), np.repeat(GREY[..., None], 3, axis=2))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "L", "LA", "1"])
def test_other_modes(mode: str) -> None:
    image = Image.fromarray(np.full((4, 4, 3), (250, 250, 250), np.uint8)).convert(mode)
    pixels = rgb_pixels(image)
    assert pixels.shape == (4, 4, 3)
    assert pixels.min() > 240


@pytest.mark.parametrize("value", [np.nan, 1e6, -1.0])
def test_values_without_a_known_white_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="save it as an 8-bit image"):
        rgb_pixels(Image.fromarray(np.full((4, 4), value, np.float32)))
