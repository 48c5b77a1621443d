"""Splits clips into training, validation and test parts by a named rule and a separate seed (R17, R18).

A split depends on the numbers of subjects and sources, not on positions in a file: reordering clips, or adding clips
of known subjects, moves no subject. Sources (all clips cut or copied from one video) are never divided and, except
with the rule "random", neither are subjects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amc.config import SPLIT_RULES, SplitConfig
from amc.errors import UserError

# Appendix B.1: share of test clips.
TEST_SHARE: Mapping[str, float] = {"natops": 1_810 / 8_835, "mug": 472 / 3_840}


@dataclass(frozen=True)
class Published:
    """A published split, as subject numbers of a data set.

    Attributes:
        dataset: the data set.
        validation: empty if none was published; then it is drawn from `train` as for the rule "subject" (R18).
        left_out: subjects that are in no part.
    """

    dataset: str
    train: tuple[int, ...]
    test: tuple[int, ...]
    validation: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()

    @property
    def subjects(self) -> tuple[int, ...]:
        """All subjects, sorted."""
        return tuple(sorted((*self.train, *self.validation, *self.test, *self.left_out)))


PUBLISHED: Mapping[str, Published] = {
    # Latent flow diffusion models (LFDM, Ni et al. 2023), which use 19 of the 20 subjects.
    "natops-lfdm": Published(
        "natops", train=(3, 4, 8, 9, 12, 13, 15, 17, 19, 20), test=(2, 5, 6, 7, 10, 11, 14, 16, 18), left_out=(1,)
    ),
    # The demo of hidden conditional random fields (HCRF).
    "natops-hcrf": Published(
        "natops", train=tuple(range(1, 11)), validation=tuple(range(11, 16)), test=tuple(range(16, 21))
    ),
}
# Help text of the option `--split-rule`.
SPLIT_HELP = f"how clips are split: {', '.join(SPLIT_RULES)} (default: {SplitConfig.rule})"
PARTS = ("train", "validation", "test")  # fields of `Split`
_LEFT_OUT = 3  # number of clips' part if they are in none of the parts 0, 1 and 2
_NAMED = 5  # subjects named in an error message


@dataclass(frozen=True)
class Split:
    """Three disjoint parts, as sorted int64 indices of clips.

    Together with `left_out`, which only published rules fill, they contain all clips.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    rule: str  # the rule that was applied: one of `SPLIT_RULES`, or "source", the fallback of "subject"
    seed: int
    left_out: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def by_subject(self) -> bool:
        """Whether subjects are never divided."""
        return self.rule == "subject" or self.rule in PUBLISHED


def make_split(
    label: ArrayLike,
    subject: ArrayLike,
    source_clip: ArrayLike,
    *,
    rule: str = "subject",
    seed: int,
    dataset: str = "natops",
    validation_share: float = SplitConfig.validation_share,
    folds: int = 0,
    fold: int = 0,
) -> Split:
    """Splits N clips by a rule.

    "subject" divides by subject: the share of test subjects is nearest to the paper's share of test clips (NATOPS: 4 of
    20), and `validation_share` of the others are used for validation, each at least one. It needs at least three
    subjects, all known, and a training clip of each class; otherwise it falls back to "source", which divides as
    "random" does.
    "random" divides by source, stratified by class, with the same shares. Classes with at least three sources are in
    each part. Shares count sources, so the number of clips per source does not matter.
    A name in `PUBLISHED` uses the published subjects, without a fallback.

    With `folds`, the subjects are divided into that many folds, whose sizes differ by at most one, and those of one
    fold are tested: with fold 0 to `folds` - 1 each subject is tested once. Validation subjects are drawn from the
    others as without folds. There is no fallback. Fold 0 of 5 of NATOPS' 20 subjects is the split without folds.

    Args:
        label: int (N,), class indices.
        subject: int (N,), numbers of subjects; -1 if unknown.
        source_clip: int (N,), numbers of sources.
        rule: one of `amc.config.SPLIT_RULES`.
        seed: random seed of the split.
        dataset: name of the data set, for its share in `TEST_SHARE` (default: that of NATOPS).
        validation_share: share of the non-test subjects or sources used for validation (R18).
        folds: number of folds K; 0 for the rule's own test split.
        fold: the fold that is tested, 0 to K - 1.

    Raises:
        UserError: the rule is unknown, the clips cannot be divided into these folds, there are too few sources for
            three parts, a source has two classes or two subjects, or the clips do not have the subjects of a published
            rule.
    """
    labels, subjects, sources = (np.asarray(a, dtype=np.int64) for a in (label, subject, source_clip))
    share = TEST_SHARE.get(dataset, TEST_SHARE["natops"])
    if rule not in SPLIT_RULES:
        raise UserError(f"unknown split rule {rule!r}: choose one of {', '.join(SPLIT_RULES)}")
    if folds:
        return _fold(rule, labels, subjects, seed, validation_share, folds, fold)
    if rule in PUBLISHED:
        return _published(rule, dataset, labels, subjects, seed, validation_share)
    if rule == "subject":
        people = sorted({int(s) for s in subjects})
        if len(people) >= 3 and people[0] >= 0:
            part = _divide(people, seed, share, validation_share)
            split = _split([part[s] for s in subjects.tolist()], rule="subject", seed=seed)
            if set(labels[split.train].tolist()) == set(labels.tolist()):
                return split
    part = _by_source(labels, subjects, sources, seed, share, validation_share)
    return _split([part[s] for s in sources.tolist()], rule="source" if rule == "subject" else "random", seed=seed)


def leaks(split: Split, subject: ArrayLike, source_clip: ArrayLike) -> list[str]:
    """Describes each flaw of a split; empty if it has none.

    In a sound split each clip is in one part or left out, no part is empty, no source is in two parts and, with rules
    that divide by subject, no subject is in two parts.
    """
    subjects, sources = np.asarray(subject), np.asarray(source_clip)
    parts = {name: getattr(split, name) for name in PARTS}
    found = [f"the {name} part is empty" for name, part in parts.items() if len(part) == 0]
    if sorted(np.concatenate([*parts.values(), split.left_out]).tolist()) != list(range(len(sources))):
        found.append("the parts do not hold every clip exactly once")
        return found
    kinds = [("source", sources)] + ([("subject", subjects)] if split.by_subject else [])
    names = list(parts)
    for kind, values in kinds:
        members = {name: set(values[part].tolist()) for name, part in parts.items()}
        for i, one in enumerate(names):
            for other in names[i + 1 :]:
                shared = sorted(members[one] & members[other])
                if shared:
                    more = f" and {len(shared) - 1} more are" if len(shared) > 1 else " is"
                    found.append(f"{kind} {shared[0]}{more} in both {one} and {other}")
    return found


def _by_source(
    label: NDArray[np.int64],
    subject: NDArray[np.int64],
    source: NDArray[np.int64],
    seed: int,
    test_share: float,
    validation_share: float,
) -> dict[int, int]:
    identity: dict[int, tuple[int, int]] = {}
    for s, c, who in zip(source.tolist(), label.tolist(), subject.tolist(), strict=True):
        if identity.setdefault(s, (c, who)) != (c, who):
            raise UserError(f"source video {s} has clips of more than one class or subject: import the videos again")
    classes: dict[int, list[int]] = {}
    for s, (c, _) in identity.items():
        classes.setdefault(c, []).append(s)
    members = [sorted(classes[c], key=lambda m: _rank(seed, "source", m)) for c in sorted(classes)]
    sizes = [len(m) for m in members]
    # Each class keeps a training source; a class of three or more sources is in the other parts, too.
    enough = [int(n >= 3) for n in sizes]
    spare = [max(n - 1 - e, 0) for n, e in zip(sizes, enough, strict=True)]
    test = _apportion(sum(sizes) * test_share, sizes, least=enough, most=spare)
    rest = [n - t for n, t in zip(sizes, test, strict=True)]
    validation = _apportion(sum(rest) * validation_share, rest, least=enough, most=[n - 1 for n in rest])
    if sum(test) == 0 or sum(validation) == 0:
        raise UserError(
            f"too few source videos to split: {sum(sizes)} in {len(sizes)} classes; training needs one per class, "
            "validation and test at least one more each"
        )
    return {
        m: 2 if i < t else 1 if i < t + v else 0
        for ms, t, v in zip(members, test, validation, strict=True)
        for i, m in enumerate(ms)
    }


def _divide(members: Sequence[int], seed: int, test_share: float, validation_share: float) -> dict[int, int]:
    """The part (0 train, 1 validation, 2 test) of each of at least three subjects."""
    order = _ranked(members, seed)
    test = min(max(1, round(len(order) * test_share)), len(order) - 2)
    validation = _validating(len(order) - test, validation_share)
    return {m: 2 if i < test else 1 if i < test + validation else 0 for i, m in enumerate(order)}


def _fold(
    rule: str,
    label: NDArray[np.int64],
    subject: NDArray[np.int64],
    seed: int,
    validation_share: float,
    folds: int,
    fold: int,
) -> Split:
    """The split that tests the subjects of one of several folds."""
    if rule != "subject":
        raise UserError(f"folds require --split-rule subject, not {rule}")
    people = sorted({int(s) for s in subject})
    if not people or people[0] < 0:
        raise UserError("folds require clips with known subjects, but some subjects are unknown: leave out --folds")
    if not 2 <= folds <= len(people):
        raise UserError(f"{len(people)} subjects cannot be divided into {folds} folds: give 2 to {len(people)}")
    if fold >= folds:
        raise UserError(f"there is no fold {fold} of {folds}: the last one is {folds - 1}")
    order = _ranked(people, seed)
    first, end = (len(order) * number // folds for number in (fold, fold + 1))
    # The next fold comes first among the others, so that validation subjects change with the fold, too.
    others = order[end:] + order[:first]
    if len(others) < 2:
        raise UserError(f"{len(people)} subjects in {folds} folds leave too few to train on: give more folds")
    part = dict.fromkeys(order[first:end], 2) | dict.fromkeys(others, 0)
    part |= dict.fromkeys(others[: _validating(len(others), validation_share)], 1)
    split = _split([part[s] for s in subject.tolist()], rule=rule, seed=seed)
    if set(label[split.train].tolist()) != set(label.tolist()):
        raise UserError(f"fold {fold} of {folds}: a class has no clips of the training subjects; give more folds")
    return split


def _published(
    rule: str,
    dataset: str,
    label: NDArray[np.int64],
    subject: NDArray[np.int64],
    seed: int,
    validation_share: float,
) -> Split:
    """The split of an entry of `PUBLISHED`."""
    lists = PUBLISHED[rule]
    numbers = f"{lists.subjects[0]} to {lists.subjects[-1]}"
    if dataset != lists.dataset:
        raise UserError(
            f"split rule {rule} requires the data set {lists.dataset}, but these clips are {dataset!r}: "
            "choose another --split-rule"
        )
    strangers = sorted(set(subject.tolist()) - set(lists.subjects))
    if strangers:
        named = ", ".join(map(str, strangers[:_NAMED])) + (" ..." if len(strangers) > _NAMED else "")
        raise UserError(
            f"split rule {rule} expects subjects {numbers} as numbered in {lists.dataset.upper()}, but these clips "
            f"have subjects {named} (-1: unknown; the procedural stand-in numbers them differently): "
            "choose another --split-rule"
        )
    there = set(subject.tolist())
    train = _ranked([s for s in lists.train if s in there], seed)
    chosen = lists.validation or tuple(train[: _validating(len(train), validation_share)])
    part = dict.fromkeys(lists.train, 0) | dict.fromkeys(chosen, 1) | dict.fromkeys(lists.test, 2)
    split = _split([part.get(s, _LEFT_OUT) for s in subject.tolist()], rule=rule, seed=seed)
    for name in PARTS:
        if not len(getattr(split, name)):
            raise UserError(
                f"split rule {rule}: there are no clips of its {name} subjects; choose another --split-rule"
            )
    if set(label[split.train].tolist()) != set(label.tolist()):
        raise UserError(
            f"split rule {rule}: a class has no clips of the training subjects; choose another --split-rule"
        )
    return split


def _ranked(subjects: Sequence[int], seed: int) -> list[int]:
    return sorted(subjects, key=lambda member: _rank(seed, "subject", member))


def _validating(subjects: int, share: float) -> int:
    """The number of validation subjects among the non-test subjects; 0 if there are fewer than two."""
    return min(max(1, round(subjects * share)), max(0, subjects - 1))


def _apportion(total: float, sizes: Sequence[int], *, least: Sequence[int], most: Sequence[int]) -> list[int]:
    """Divides `total` in proportion to sizes, as integers within limits, by the method of largest remainders.

    Ties go to the first.
    """
    exact = [total * n / sum(sizes) for n in sizes]
    given = [min(max(int(x), low), high) for x, low, high in zip(exact, least, most, strict=True)]
    by_remainder = sorted(range(len(sizes)), key=lambda i: given[i] - exact[i])
    for i in by_remainder:
        if sum(given) < max(1, round(total)) and given[i] < most[i]:
            given[i] += 1
    return given


def _rank(seed: int, kind: str, member: int) -> bytes:
    # A hash instead of a random generator: the order of two members does not depend on the others.
    return hashlib.sha256(f"{seed}/{kind}/{member}".encode()).digest()


def _split(part: Sequence[int], *, rule: str, seed: int) -> Split:
    parts = np.asarray(part)
    train, validation, test, nowhere = (np.flatnonzero(parts == p).astype(np.int64) for p in (0, 1, 2, _LEFT_OUT))
    return Split(train=train, validation=validation, test=test, rule=rule, seed=seed, left_out=nowhere)
