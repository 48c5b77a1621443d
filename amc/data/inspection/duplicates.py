"""Frames that are in a clip file more than once, found by digests of 64 bits in one pass over the file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from amc.data.splits import PARTS, Split


@dataclass
class Digests:
    """Digests of the frames of all clips, 8 bytes a frame, fed clip by clip."""

    _rows: list[NDArray[np.uint64]] = field(default_factory=list)
    _plain: list[NDArray[np.bool_]] = field(default_factory=list)

    def add(self, clip: NDArray[np.uint8]) -> None:
        """One more clip, uint8 (T, H, W, 3)."""
        raw = b"".join(hashlib.blake2b(frame.data, digest_size=8).digest() for frame in np.ascontiguousarray(clip))
        self._rows.append(np.frombuffer(raw, dtype="<u8").astype(np.uint64))
        self._plain.append((clip == clip[:, :1, :1]).all(axis=(1, 2, 3)))

    @property
    def frames(self) -> NDArray[np.uint64]:
        """(N, T)."""
        return np.stack(self._rows)

    @property
    def plain(self) -> NDArray[np.bool_]:
        """(N, T), whether a frame is of one colour: such are alike without being copies."""
        return np.stack(self._plain)

    def repeated(self) -> int:
        """Clips all of whose frames are those of an earlier clip."""
        rows = self.frames
        return len(rows) - len(np.unique(rows, axis=0))

    def crossing(self, split: Split) -> list[str]:
        """What two parts of a split have in common, a sentence each pair of parts; empty where they share no frame.

        Sources never straddle a sound split, so what is shared here are frames that were given as different sources.
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
                        f"given as other sources (clips {pair[0]} and {pair[1]})"
                    )
        return found
