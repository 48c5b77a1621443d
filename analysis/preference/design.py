"""The design of a preference study: what is shown, asked and tested, written to design.json before anyone rates.

The design is data: reading it never runs code. `analysis.preference.assignment` derives each rater's questions from it,
and its SHA-256 is stored with the answers, so a design that was changed afterwards is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scipy.special import bdtr

from amc.atomic import atomic_write
from amc.errors import UserError
from analysis.statistics.levels import ALPHA

FILE_NAME = "design.json"
FORMAT = 1
TRUTH = "truth"  # name of the real clips among the sources
NONE = "none"  # answer of the naming task: neutral or none of the classes
LEFT, RIGHT = "left", "right"

CATCH_TRIALS = 12
COIN_PASSES = 0.05  # largest probability that a rater who answers at random is kept
ATTENTIVE = 0.95  # probability that an attentive rater recognizes a broken clip


@dataclass(frozen=True)
class Question:
    """One question to a rater.

    Attributes:
        id: stable within the design, the same for all raters, such as `pair:cdna:0007`.
        kind: `pair` or `naming`.
        role: `training` (not counted), `main` or `catch`.
        left, right: clip ids; `right` is None for naming.
        label: the class shown with the clips; None if hidden.
        choices: the possible answers.
    """

    id: str
    kind: str
    role: str
    left: str
    right: str | None
    label: str | None
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Where clips come from: a method, or the real clips.

    Attributes:
        name: such as `cdna`; `truth` for the real clips.
        origin: the run, trial or folder, without its parent folders.
        clips: one clip id per condition.
    """

    name: str
    origin: str
    clips: tuple[str, ...]


@dataclass(frozen=True)
class Condition:
    """What all sources were given: a first frame and a motion.

    Attributes:
        name: file stem of the videos, or the number of the test clip.
        label: class of the motion; None if unknown.
        label_shown: whether raters see the class.
    """

    name: str
    label: str | None
    label_shown: bool


@dataclass(frozen=True)
class Comparison:
    """A primary question: how often is the first source preferred to `other`, with labels shown or hidden?"""

    other: str
    label_shown: bool


@dataclass(frozen=True)
class Catch:
    """Catch trials: the real clip of a condition against a broken copy of it."""

    conditions: tuple[int, ...]
    broken: tuple[str, ...]


@dataclass(frozen=True)
class ExclusionRule:
    """Which raters are excluded: those who have not finished, or have fewer than `least_right` catch trials right.

    Attributes:
        coin_excluded: probability that a rater who answers at random is excluded.
        attentive_kept: probability that a rater who answers 95% of the catch trials correctly is kept.
    """

    catch_trials: int
    least_right: int
    coin_excluded: float
    attentive_kept: float

    @classmethod
    def for_trials(cls, trials: int) -> ExclusionRule:
        """Returns the mildest rule that keeps a rater who answers at random with probability 0.05 or less.

        Raises:
            ValueError: there are fewer than 5 trials, so that no rule can.
        """
        for right in range(trials + 1):
            passes = 1 - float(bdtr(right - 1, trials, 0.5)) if right else 1.0
            if passes <= COIN_PASSES:
                return cls(trials, right, 1 - passes, 1 - float(bdtr(right - 1, trials, ATTENTIVE)))
        raise ValueError(f"{trials} catch trials cannot tell an attentive rater from chance; at least 5 are needed")


@dataclass(frozen=True)
class Design:
    """A study.

    Attributes:
        name: of the study's folder when it was created.
        seed: determines conditions, sides, order and broken clips.
        raters: planned number of raters.
        dataset: name of the data set; None if unknown.
        sources: the first is compared with each of the others; the last is `truth`.
        conditions: in the order of the sources' clips.
        class_names: choices of the naming task, without `none`; empty if classes are unknown.
        naming: whether raters also name the class in single clips (of conditions whose label is hidden).
        comparisons: the primary questions, one test each: two-sided against 50%, Holm's correction over all of them.
        alpha: of the family of tests.
        catch, exclusion: catch trials, and the rule by which raters are excluded.
        training: clip ids (intact, broken) of the pair that each rater sees first.
        frames, height, width: of every clip.
        rate: frames per second.
        clips_sha256: of the file of clips.
        smallest_preference: what the planned raters find with 80% power, by simulation; None: not even 99%.
        jpeg_quality: of all clips.
    """

    name: str
    seed: int
    raters: int
    dataset: str | None
    sources: tuple[Source, ...]
    conditions: tuple[Condition, ...]
    class_names: tuple[str, ...]
    naming: bool
    comparisons: tuple[Comparison, ...]
    catch: Catch
    exclusion: ExclusionRule
    training: tuple[str, str]
    frames: int
    height: int
    width: int
    rate: float
    clips_sha256: str
    smallest_preference: float | None
    alpha: float = ALPHA
    jpeg_quality: int = 95

    @property
    def focus(self) -> Source:
        """The source that is compared with all others."""
        return self.sources[0]

    def source(self, name: str) -> Source:
        """The source of that name."""
        return next(source for source in self.sources if source.name == name)

    def conditions_with(self, label_shown: bool) -> tuple[int, ...]:
        """Indices of the conditions whose label is shown (True) or hidden."""
        return tuple(i for i, one in enumerate(self.conditions) if one.label_shown == label_shown)

    @property
    def clip_ids(self) -> tuple[str, ...]:
        """All clips of the study."""
        return tuple(
            clip for clips in (*(s.clips for s in self.sources), self.catch.broken, self.training) for clip in clips
        )


def write_design(design: Design, folder: Path) -> None:
    """Writes design.json.

    Raises:
        OSError: it cannot be written.
    """
    text = json.dumps({"format": FORMAT, **asdict(design)}, indent=1, ensure_ascii=False) + "\n"
    with atomic_write(folder / FILE_NAME) as partial:
        partial.write_text(text, encoding="utf-8")


def read_design(folder: Path) -> Design:
    """Reads and checks a study's design.json.

    Raises:
        UserError: the file is missing, damaged, inconsistent or of another version.
    """
    path = folder / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; is {folder} a study folder?") from error
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}; restore it from a copy") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path} is not a design of this version (format {FORMAT})")
    try:
        design = _from_json(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({error}); restore it from a copy") from error
    if problem := _problem(design):
        raise UserError(f"{path} is inconsistent: {problem}; restore it from a copy")
    return design


def _from_json(content: Mapping[str, Any]) -> Design:
    plain = {key: value for key, value in content.items() if key != "format"}
    clean: dict[str, Any] = plain | {
        "sources": tuple(Source(s["name"], s["origin"], tuple(s["clips"])) for s in plain["sources"]),
        "conditions": tuple(Condition(**one) for one in plain["conditions"]),
        "class_names": tuple(plain["class_names"]),
        "comparisons": tuple(Comparison(**one) for one in plain["comparisons"]),
        "catch": Catch(tuple(plain["catch"]["conditions"]), tuple(plain["catch"]["broken"])),
        "exclusion": ExclusionRule(**plain["exclusion"]),
        "training": tuple(plain["training"]),
    }
    return Design(**clean)


def _problem(design: Design) -> str | None:
    sizes = (design.raters, design.frames, design.height, design.width)
    if not all(isinstance(size, int) and size > 0 for size in sizes) or not design.rate > 0:
        return "raters, frames, height, width and rate must be positive"
    names = [source.name for source in design.sources]
    if len(names) < 2 or len(set(names)) < len(names):
        return "it needs at least two sources with different names"
    if any(len(source.clips) != len(design.conditions) for source in design.sources):
        return "a source does not have one clip per condition"
    if {comparison.other for comparison in design.comparisons} - set(names[1:]):
        return "a comparison names an unknown source"
    if len(set(design.clip_ids)) < len(design.clip_ids):
        return "two clips have the same id"
    catch = design.catch
    if len(catch.broken) != len(catch.conditions) or len(catch.broken) != design.exclusion.catch_trials:
        return "the catch trials do not fit the exclusion rule"
    if any(not 0 <= condition < len(design.conditions) for condition in catch.conditions):
        return "a catch trial names an unknown condition"
    if len(design.training) != 2 or TRUTH not in names:
        return "the training pair or the real clips are missing"
    return None
