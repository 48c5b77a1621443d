"""Scores runs again, without training: those whose sheet is missing, or was made by another way of scoring.

Every run that was scored has left its generator in DIR/<study>/generators, which is all that this takes. Each sheet is
committed by itself, so it may be interrupted at any moment; the next start goes on with what is left.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amc.config import Config, from_dict
from amc.data.prepared import TrainingData
from amc.errors import UserError
from amc.evaluation.scoring import Judges, headline, references, score, show, show_real
from amc.evaluation.scoring.row import NAME as ROW
from amc.models.generator import Generator
from amc.progress import console
from amc.training.kept import load_generator
from analysis.pictures import readable
from analysis.records import TrialRow
from analysis.sheets import REAL, STILL, SheetRow
from analysis.states import COMPLETE
from tuning.record import Record


@dataclass(frozen=True)
class Scoring:
    """A study's `before` hook: when it returns, every sheet on record that can be current is, and pictures are whole.

    Attributes:
        config: of Ours; arms share its data and how they are read.
        until: `time.monotonic()` at which the study shall have ended for now; None is never.
    """

    study: str
    config: Config
    data: TrainingData
    judges: Judges
    until: float | None = None

    def __call__(self, record: Record, folder: Path) -> None:
        """Makes what is missing in the record and in `folder`, which is DIR/<study>.

        Raises:
            UserError: the record does not answer, or cannot be written.
        """
        scorer, samples = self.judges.scorer(), folder / "samples"
        current = {key for key, (by, _) in record.scored(self.study).items() if by == scorer}
        if not {REAL, STILL} <= current:
            for key, sheet in references(self.config, self.data, self.judges).items():
                record.score(SheetRow(self.study, key, scorer, time.time(), sheet.to_dict()))
        if not readable(samples / "real" / ROW):
            show_real(self.data, samples / "real")
        ended = [trial for trial in record.trials(self.study) if trial.state == COMPLETE]
        self._shown(folder, [trial for trial in ended if trial.key in current])
        self._again(record, folder, [trial for trial in ended if trial.key not in current], scorer)

    def _shown(self, folder: Path, trials: Sequence[TrialRow]) -> None:
        """Makes moving clips again that a full disk or a kill left broken, where the run's generator is there."""
        for trial in trials:
            path = folder / "samples" / trial.key / ROW
            if not path.exists() or readable(path) or self._late():
                continue
            try:
                generator, config = kept(folder, trial)
            except UserError as error:
                print(f"{path} cannot be read, nor made again: {error}", file=sys.stderr)
                continue
            show(generator, config, self.data, path.parent)

    def _late(self) -> bool:
        return self.until is not None and time.monotonic() > self.until

    def _again(self, record: Record, folder: Path, trials: Sequence[TrialRow], scorer: str) -> None:
        kept_scores = []
        with console("scoring again", "run") as progress:
            for done, trial in enumerate(trials):
                if self._late():
                    return
                progress(done, len(trials), trial.key)
                try:
                    generator, config = kept(folder, trial)
                except UserError as error:
                    kept_scores.append(str(error))
                    continue
                sheet = score(generator, config, self.data, self.judges)
                # Pictures first: a run whose sheet is current is not looked at again.
                if not readable(folder / "samples" / trial.key / ROW):
                    show(generator, config, self.data, folder / "samples" / trial.key)
                record.score(SheetRow(self.study, trial.key, scorer, time.time(), sheet.to_dict()), headline(sheet))
            if trials:
                progress(len(trials), len(trials))
        if kept_scores:
            print(f"{len(kept_scores)} of {len(trials)} runs keep their old scores: {kept_scores[0]}", file=sys.stderr)


def kept(folder: Path, trial: TrialRow) -> tuple[Generator, Config]:
    """The generator that a run left in DIR/<study>, which is `folder`, and its configuration.

    Raises:
        UserError: it is missing, broken, or another run's.
    """
    path = folder / "generators" / f"{trial.key}.safetensors"
    if not path.is_file():
        raise UserError(f"there is no generator {path}")
    generator, config = load_generator(path)
    if config != from_dict(trial.config):
        raise UserError(f"{path} is the generator of another run")
    return generator, config
