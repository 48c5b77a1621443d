"""How each discriminator scores the rows of Table 2, computing nothing twice.

Both critics have the same interface: `score_rows` serves the discriminators' update (Alg. 1 lines 5 to 9) and the
generator's (lines 12 to 16). Videos are a dictionary from the rows of Table 1, and "real", to (B, T-1, 3, H, W);
frame 1 of each is the appearance condition that it was generated from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from amc.config import Config
from amc.data.conditions import Batch
from amc.methods.amc_gan.objective import DiscriminatorRow
from amc.models.appearance_discriminator import AppearanceDiscriminator
from amc.models.fast.pieces import pieces
from amc.models.fast.row_batch_norm import Rows
from amc.models.motion_discriminator import MotionDiscriminator

Videos = Mapping[str, Tensor]


@dataclass(frozen=True)
class CriticOutput:
    """Output of a discriminator for some rows.

    Attributes:
        logits: (B,) or (B K,) for each row.
        auxiliary: for each row (velocities (B, T-1, 2k), class logits (B, c)), or None for rows without.
        maps: for each distinct video the maps of the first two blocks, (B, frames, C, h, w) each (R2).
    """

    logits: list[Tensor]
    auxiliary: list[tuple[Tensor, Tensor] | None]
    maps: dict[str, list[Tensor]]


def _distinct(rows: Sequence[DiscriminatorRow]) -> dict[str, int]:
    """The videos that rows show, in order, with the number of rows that show each."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.clip] = counts.get(row.clip, 0) + 1
    return counts


def _full(x: Tensor) -> Tensor:
    """In float32 at least, the precision of all losses."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


@dataclass(frozen=True)
class _Images:
    """Conditioning images (N, 3, H, W), the groups they consist of, and whether they share the frames' statistics."""

    stacked: Tensor
    groups: Rows
    shared: bool


def _encode(
    network: AppearanceDiscriminator | MotionDiscriminator,
    frames: Tensor,
    groups: Rows,
    names: Sequence[str],
    compare: Sequence[str],
    shown: int,
    clips: int,
    images: _Images | None,
) -> tuple[Tensor, Tensor | None, dict[str, list[Tensor]]]:
    """The tower's maps of frames and conditioning images, and the maps that the Gram distances take.

    Args:
        frames: of all videos in the order of `names`, (N, 3, H, W), a group of `groups` each.
        compare: the videos whose maps are compared.
        shown: the first so many videos go through the third block.
        clips: in each video's part of the batch.
        images: the conditioning images, if there are any.

    Returns:
        the third block's maps of the frames shown and of the images; for each video compared the first two blocks'
        maps, (clips, frames, C, h, w).
    """
    size, count = len(frames) // len(names), len(frames)
    joint = images if images is not None and images.shared else None
    if joint is not None:
        frames, groups = torch.cat([frames, joint.stacked]), groups + joint.groups
    first, second = network.tower(frames, groups)
    parts = tuple((at * size, (at + 1) * size, clips) for at in map(names.index, compare))
    others = ((count, len(frames), 0),) if joint is not None else ()
    judged, *seconds = pieces(second, ((0, shown * size, 0), *others, *parts))
    firsts = pieces(first, parts) if parts else ()
    maps = {name: [a, b] for name, a, b in zip(compare, firsts, seconds[len(others) :], strict=True)}
    if joint is not None:
        top = network.top(torch.cat([judged, seconds[0]]), groups[:shown] + joint.groups)
        return top[: shown * size], top[shown * size :], maps
    top = network.top(judged, groups[:shown])
    if images is None:
        return top, None, maps
    return top, network.top(network.tower(images.stacked, images.groups)[1], images.groups), maps


class AppearanceCritic:
    """Da over the rows: triplets of frames around the batch's centres, with ya or ya' (R8)."""

    def __init__(self, config: Config, network: AppearanceDiscriminator) -> None:
        self.network = network
        self.conditional = config.switches.ya
        self.shared = config.readings.condition_statistics == "shared"

    def score_rows(
        self,
        batch: Batch,
        videos: Videos,
        rows: Sequence[DiscriminatorRow],
        compare: Sequence[str] = (),
        *,
        aux: bool = True,
    ) -> CriticOutput:
        """Logits of all rows, and maps of the videos in `compare`, all in one mini-batch. Da has nothing for `aux`."""
        b, k = batch.centres.shape
        counts = _distinct(rows)
        shown = list(counts)
        names = shown + [name for name in compare if name not in counts]
        images = {False: batch.appearance, True: batch.other_appearance}
        first_of: dict[str, Tensor] = {row.clip: images[row.mismatched] for row in rows if row.clip != "real"}
        frames = [self._triplets(batch, first_of.get(name, batch.appearance), videos[name]) for name in names]
        groups: Rows = tuple((b * k * 3, counts.get(name, 1)) for name in names)
        kinds = list(dict.fromkeys(row.mismatched for row in rows))
        encoded, distinct, maps = _encode(
            self.network,
            torch.cat(frames),
            groups,
            names,
            compare,
            len(shown),
            b * k,
            self._conditions(images, rows, kinds, k) if self.conditional else None,
        )
        top = encoded.unflatten(0, (-1, 3)).split(b * k)
        condition = None
        if distinct is not None:
            parts = distinct.split(b)
            condition = torch.cat([parts[kinds.index(row.mismatched)].repeat_interleave(k, 0) for row in rows])
        logits = self.network.head(
            condition, torch.cat([top[shown.index(row.clip)] for row in rows]), tuple((b * k, 1) for _ in rows)
        )
        return CriticOutput(list(_full(logits).split(b * k)), [None] * len(rows), maps)

    def _conditions(
        self, images: Mapping[bool, Tensor], rows: Sequence[DiscriminatorRow], kinds: Sequence[bool], k: int
    ) -> _Images:
        """The rows' conditions, each distinct image once."""
        counts = tuple((len(images[kind]), k * sum(row.mismatched == kind for row in rows)) for kind in kinds)
        stacked = torch.cat([images[kind] for kind in kinds]).contiguous(memory_format=torch.channels_last)
        return _Images(stacked, counts, self.shared)

    @staticmethod
    def _triplets(batch: Batch, first: Tensor, video: Tensor) -> Tensor:
        """Frames t-1, t, t+1 around every centre, (B K 3, 3, H, W); frame 1 is the conditioning image."""
        at = (batch.centres[:, :, None] + torch.arange(-1, 2, device=video.device)).flatten(1)
        index = torch.arange(len(at), device=video.device)[:, None]
        later = video[index, (at - 1).clamp(min=0)]
        frames = torch.where((at == 0)[:, :, None, None, None], first[:, None], later)
        return frames.flatten(0, 1).contiguous(memory_format=torch.channels_last)


class MotionCritic:
    """Dm over the rows: whole videos with ym or ym'; rows that share a video differ in the last head alone."""

    def __init__(self, config: Config, network: MotionDiscriminator) -> None:
        self.network = network
        self.appearance, self.motion = config.switches.ya, config.switches.ym
        self.aux = config.switches.ldaux
        self.shared = config.readings.condition_statistics == "shared"

    def score_rows(
        self,
        batch: Batch,
        videos: Videos,
        rows: Sequence[DiscriminatorRow],
        compare: Sequence[str] = (),
        *,
        aux: bool = True,
    ) -> CriticOutput:
        """Logits of all rows, and maps of the videos in `compare`, all in one mini-batch.

        With `aux` also classes and velocities of the rows that have them, where Dm has the heads.
        """
        network = self.network
        b, steps = batch.motion.shape[:2]
        counts = _distinct(rows)
        shown = list(counts)
        names = shown + [name for name in compare if name not in counts]
        # Joined with the channels last, so that the copy is the only one.
        frames = torch.cat([videos[name].permute(0, 1, 3, 4, 2) for name in names]).flatten(0, 1).permute(0, 3, 1, 2)
        groups: Rows = tuple((b * steps, counts.get(name, 1)) for name in names)
        images = None
        if self.appearance:
            stacked = batch.appearance.contiguous(memory_format=torch.channels_last)
            images = _Images(stacked, ((b, len(rows)),), self.shared)
        encoded, first_frame, maps = _encode(network, frames, groups, names, compare, len(shown), b, images)
        condition = None if first_frame is None else first_frame.repeat(len(shown), 1, 1, 1)
        states = network.unroll(encoded.unflatten(0, (-1, steps)), condition)
        videos_of_rows: Rows = tuple((b, counts[name]) for name in shown)
        summary = network.summary(states[-1], videos_of_rows)
        of_row = [shown.index(row.clip) for row in rows]
        parts = summary.split(b)
        motions = {False: batch.motion, True: batch.other_motion}
        label = None
        if self.motion:
            label = torch.cat([motions[row.mismatched][:, 0, : batch.classes] for row in rows])
        logits = network.scores(torch.cat([parts[i] for i in of_row]), label, tuple((b, 1) for _ in rows))
        auxiliary: list[tuple[Tensor, Tensor] | None] = [None] * len(rows)
        if aux and self.aux:
            velocities = _full(network.velocities(states, videos_of_rows)).split(b)
            classes = _full(network.classes(summary, videos_of_rows)).split(b)
            auxiliary = [
                (velocities[i], classes[i]) if row.auxiliary else None for i, row in zip(of_row, rows, strict=True)
            ]
        return CriticOutput(list(_full(logits).split(b)), auxiliary, maps)
