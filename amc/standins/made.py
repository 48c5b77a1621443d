"""What a generator of stand-in clips makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Made:
    """One clip: frames uint8 (T, size, size, 3), keypoints float32 (T, k, 2), and what it is."""

    frames: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    label: int
    subject: int
    source: int  # clips of one performance share it
