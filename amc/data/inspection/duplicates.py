"""Finds frames that occur more than once in a clip file, by 64-bit digests, in one pass over the file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from amc.data.splits import PARTS, Split


@dataclass
class Digests:
    """Digests of the frames of all clips, 8 bytes per frame."""

    _rows: list[NDArray[np.uint64]] = field(default_factory=list)
    _plain: list[NDArray[np.bool_]] = field(default_factory=list)

    def add(self, clip: NDArray[np.uint8]) -> None:
        """Adds a clip, uint8 (T, H, W, 3)."""
        raw = b"".join(hashlib.blake2b(frame.data, digest_size=8).digest() for frame in np.ascontiguousarray(clip))
        self._rows.append(np.frombuffer(raw, dtype="<u8").astype(np.uint64))
        self._plain.append((clip == clip[:, :1, :1]).all(axis=(1, 2, 3)))

    @property
    def frames(self) -> NDArray[np.uint64]:
        """The digests, (N, T)."""
        return np.stack(self._rows)

    @property
    def plain(self) -> NDArray[np.bool_]:
        """Whether each frame (N, T) has a single colour: such frames may be equal without being copies."""
        return np.stack(self._plain)

    def repeated(self) -> int:
        """The number of clips that are equal to an earlier clip in all frames."""
        rows = self.frames
        return len(rows) - len(np.unique(rows, axis=0))

    def crossing(self, split: Split) -> list[str]:
        """Describes equal frames in different parts of a split, one sentence per pair of parts.

        A sound split does not divide sources, so these are copies that have different source numbers.
        """
        clip, time = self.frames.shape
        part = np.full(clip, -1)
        for number, name in enumerate(PARTS):
            part[getattr(split, name)] = number
        counted = ~self.plain & (part >= 0)[:, None]
        digest = self.frames[counted]
        clips = np.repeat(np.arange(clip), time).reshape(clip, time)[counted]
        found = []
        for one in range(len(PARTS)):
            for other in range(one + 1, len(PARTS)):
                first, second = (part[clips] == p for p in (one, other))
                shared = np.intersect1d(digest[first], digest[second])
                if len(shared):
                    pair = [int(clips[side & (digest == shared[0])][0]) for side in (first, second)]
                    in_other = len(np.unique(clips[second & np.isin(digest, shared)]))
                    found.append(
                        f"{len(shared)} frames of {PARTS[one]} are also in {in_other} clips of {PARTS[other]}, "
                        f"with other source numbers (such as clips {pair[0]} and {pair[1]})"
                    )
        return found
