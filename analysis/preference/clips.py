"""The clips of a study in one file, clips.zip: the frames of a clip below each other in one JPEG picture.

All clips, real ones too, go through the same encoder at the same quality with full colour resolution, so that
compression cannot tell a method. Frames are padded to whole 8 x 8 blocks: no block mixes two frames.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amc.errors import UserError
from analysis.preference.design import read_design

FILE_NAME = "clips.zip"
QUALITIES = (95, 92, 90, 85, 80, 75)  # the first one with which all clips fit
SIZE_LIMIT = 50e6  # bytes of the clips of a study of the paper's size or smaller
PAPER_PIXELS = 514 * 32 * 64 * 64  # 100 conditions of five sources, catch trials and training pair
BLOCK = 8
_HIGHEST_PICTURE = 65535  # pixels, JPEG's limit


def encode(frames: NDArray[np.uint8], quality: int = QUALITIES[0]) -> bytes:
    """Encodes a clip (T, H, W, 3) as one JPEG picture of a quality from 1 to 100.

    Raises:
        UserError: T frames below each other are higher than 65,535 pixels.
    """
    _, height, width, _ = frames.shape
    padded = np.pad(frames, ((0, 0), (0, -height % BLOCK), (0, -width % BLOCK), (0, 0)), mode="edge")
    sheet = padded.reshape(-1, *padded.shape[2:])
    if max(sheet.shape) > _HIGHEST_PICTURE:
        raise UserError(f"clips of {len(frames)} frames of {width} x {height} pixels are too large: make them smaller")
    out = io.BytesIO()
    Image.fromarray(sheet).save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()


def decode(content: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Decodes a clip with T, H, W of `shape`: uint8 (T, H, W, 3).

    Raises:
        ValueError: the picture does not hold a clip of that shape.
        OSError: the content is not a picture.
    """
    frames, height, width = shape
    with Image.open(io.BytesIO(content)) as image:
        sheet = np.asarray(image.convert("RGB"))
    padded = sheet.reshape(frames, height + -height % BLOCK, width + -width % BLOCK, 3)
    return np.ascontiguousarray(padded[:, :height, :width])


def write_clips(folder: Path, clips: Callable[[], Iterable[tuple[str, NDArray[np.uint8]]]]) -> tuple[str, int]:
    """Writes clips.zip at the highest of `QUALITIES` with which the file is small enough, otherwise at the lowest.

    Args:
        folder: the study.
        clips: yields (id, frames) of all clips, the same ones at each call.

    Returns:
        The SHA-256 of the file, and the quality.

    Raises:
        OSError: the file cannot be written.
    """
    path = folder / FILE_NAME
    for quality in QUALITIES:
        pixels = 0
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for clip_id, frames in clips():
                # A fixed date, so that the same clips give the same file.
                archive.writestr(zipfile.ZipInfo(f"{clip_id}.jpg"), encode(frames, quality))
                pixels += frames[..., 0].size
        if path.stat().st_size <= SIZE_LIMIT * max(1.0, pixels / PAPER_PIXELS):
            break
    return hashlib.sha256(path.read_bytes()).hexdigest(), quality


class ClipStore:
    """The clips of a study, decoded on request.

    Args:
        folder: the study.

    Raises:
        UserError: the design or the clips are missing, damaged or do not belong together.
    """

    def __init__(self, folder: Path) -> None:
        design = read_design(folder)
        self._path, self._shape = folder / FILE_NAME, (design.frames, design.height, design.width)
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise UserError(f"cannot read {self._path}: {error.strerror}; copy the whole study folder") from error
        if hashlib.sha256(content).hexdigest() != design.clips_sha256:
            raise UserError(f"{self._path} is damaged or belongs to another study: copy the whole study folder again")
        self._archive = zipfile.ZipFile(io.BytesIO(content))

    def frames(self, clip_id: str) -> NDArray[np.uint8]:
        """Returns a clip, uint8 (T, H, W, 3).

        Raises:
            KeyError: there is no such clip.
        """
        return decode(self._archive.read(f"{clip_id}.jpg"), self._shape)
