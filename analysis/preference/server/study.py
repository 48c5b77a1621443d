"""What all addresses of the web application share: the design, the clips, the answers and who has which link."""

from __future__ import annotations

import threading
from functools import cache, cached_property, lru_cache
from pathlib import Path

from analysis.preference.assignment import questions_for
from analysis.preference.clips import ClipStore
from analysis.preference.design import Question, read_design
from analysis.preference.server.links import token_hash
from analysis.preference.server.pages import Pages
from analysis.preference.store import AnswerStore
from analysis.preference.texts import read_texts

CLIPS_IN_MEMORY = 128  # of 393 kB at 64 x 64 pixels and 32 frames


class ServedStudy:
    """A study that is being served. Use as a context manager, which closes its answers.

    Args:
        folder: the study.

    Raises:
        UserError: the design, the clips, the texts or the answers cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.design = read_design(folder)
        self.pages = Pages(read_texts(folder), self.design)
        self._clips = ClipStore(folder)
        self._decoding = threading.Lock()  # decoders are not safe in several threads
        self.questions = cache(self._questions)
        self.clip = lru_cache(CLIPS_IN_MEMORY)(self._clip)
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

    def _questions(self, rater: int) -> tuple[Question, ...]:
        """The ordered questions of a rater."""
        return questions_for(self.design, rater)

    def _clip(self, clip_id: str) -> bytes:
        """A clip as raw RGB bytes, T x H x W x 3: all clips have the same length."""
        with self._decoding:
            return self._clips.frames(clip_id).tobytes()
