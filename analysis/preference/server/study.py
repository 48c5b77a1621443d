"""What all addresses of the web application share: the design, the clips, the answers and who has which link."""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path

from fastapi.concurrency import run_in_threadpool

from analysis.preference.assignment import questions_for
from analysis.preference.clips import ClipStore
from analysis.preference.design import read_design
from analysis.preference.server.links import token_hash
from analysis.preference.server.pages import Pages
from analysis.preference.store import AnswerStore
from analysis.preference.texts import read_texts

CLIP_MEMORY = 256 * 1024**2  # bytes of decoded clips; a study of the paper's size needs 202 MB


class ServedStudy:
    """A study that is being served. Use as a context manager, which closes its answers.

    Args:
        folder: the study.

    Attributes:
        questions: the ordered questions of each rater.

    Raises:
        UserError: the design, the clips, the texts or the answers cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.design = read_design(folder)
        self.pages = Pages(read_texts(folder), self.design)
        self.questions = [questions_for(self.design, rater) for rater in range(self.design.raters)]
        self._clips = ClipStore(folder)
        self._decoding = threading.Lock()  # decoders are not safe in several threads
        clip_bytes = 3 * self.design.frames * self.design.height * self.design.width
        # Decoded before the first rater comes, since decoding delays answers; the rest is decoded on request.
        self._decoded = {
            clip_id: self._decode(clip_id) for clip_id in self.design.clip_ids[: CLIP_MEMORY // clip_bytes]
        }
        self.store = AnswerStore(folder)  # last, since it creates a file

    def __enter__(self) -> ServedStudy:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    @cached_property
    def _raters(self) -> dict[bytes, int]:
        return self.store.raters()

    def rater(self, token: str) -> int | None:
        """Whose link has this token; None if nobody's."""
        return self._raters.get(token_hash(token))

    async def clip(self, clip_id: str) -> bytes:
        """A clip as raw RGB bytes, T x H x W x 3: all clips have the same length."""
        decoded = self._decoded.get(clip_id)
        return await run_in_threadpool(self._decode, clip_id) if decoded is None else decoded

    def _decode(self, clip_id: str) -> bytes:
        with self._decoding:
            return self._clips.frames(clip_id).tobytes()
