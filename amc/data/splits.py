"""Dividing clips into training, validation and test parts by a named rule and a seed of its own (R17, R18).

Who goes where follows from the identities of subjects and sources, never from positions in a file: reordering the
clips, or adding repetitions of known subjects, moves nobody. Sources (all clips cut or copied from one video) are
never divided; under the rule "subject" neither are subjects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amc.config import SplitConfig
from amc.errors import UserError

# Appendix B.1: test clips of all clips.
TEST_SHARE: Mapping[str, float] = {"natops": 1_810 / 8_835, "mug": 472 / 3_840}


@dataclass(frozen=True)
class Split:
    """Three disjoint parts that cover all clips: sorted int64 positions in the arrays they were made from."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    rule: str  # the rule that was applied: "subject", "random", or "source" (the fall-back)
    seed: int


def make_split(
    label: ArrayLike,
    subject: ArrayLike,
    source_clip: ArrayLike,
    *,
    rule: Literal["subject", "random"] = "subject",
    seed: int,
    test_share: float = TEST_SHARE["natops"],
    validation_share: float = SplitConfig.validation_share,
) -> Split:
    """Divide N clips.

    "subject": whole subjects; test gets the number of subjects nearest to `test_share` (4 of 20), validation the number
    nearest to `validation_share` of the others, each at least one. It needs at least three subjects, all known, and a
    training clip for every class; where that is not so, whole sources are divided as under "random" and the split's
    rule says "source".
    "random": whole sources, stratified by class, in the same shares; a class of three sources or more is in every part.

    Args:
        label: int (N,), classes.
        subject: int (N,), -1 where unknown.
        source_clip: int (N,), the source of each clip.
        rule: the rule asked for.
        seed: of the split, not of training.
        test_share: of all clips; `TEST_SHARE` has the paper's.
        validation_share: of the subjects or sources that are not tested (R18).

    Raises:
        UserError: an unknown rule, too few sources for three parts, or a source with two classes or two subjects.
    """
    labels, subjects, sources = (np.asarray(a, dtype=np.int64) for a in (label, subject, source_clip))
    if rule not in ("subject", "random"):
        raise UserError(f"unknown split rule {rule!r}: choose subject or random")
    if rule == "subject":
        people = sorted({int(s) for s in subjects})
        if len(people) >= 3 and people[0] >= 0:
            part = _divide(people, seed, test_share, validation_share)
            split = _split([part[s] for s in subjects.tolist()], rule="subject", seed=seed)
            if set(labels[split.train].tolist()) == set(labels.tolist()):
                return split
    part = _by_source(labels, subjects, sources, seed, test_share, validation_share)
    return _split([part[s] for s in sources.tolist()], rule="source" if rule == "subject" else "random", seed=seed)


def leaks(split: Split, subject: ArrayLike, source_clip: ArrayLike) -> list[str]:
    """What is wrong with a split, one sentence each; empty for a sound one.

    A sound split covers every clip once, has no empty part and no source in two parts, and under the rule "subject"
    no subject in two parts.
    """
    subjects, sources = np.asarray(subject), np.asarray(source_clip)
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    found = [f"the {name} part is empty" for name, part in parts.items() if len(part) == 0]
    if sorted(np.concatenate(list(parts.values())).tolist()) != list(range(len(sources))):
        found.append("the parts do not hold every clip exactly once")
        return found
    kinds = [("source", sources)] + ([("subject", subjects)] if split.rule == "subject" else [])
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
            raise UserError(f"source {s} has clips of two classes or two subjects")
    classes: dict[int, list[int]] = {}
    for s, (c, _) in identity.items():
        classes.setdefault(c, []).append(s)
    members = [sorted(classes[c], key=lambda m: _rank(seed, "source", m)) for c in sorted(classes)]
    sizes = [len(m) for m in members]
    # Every class keeps a training source; one of three or more has its place in the other parts, too.
    enough = [int(n >= 3) for n in sizes]
    spare = [max(n - 1 - e, 0) for n, e in zip(sizes, enough, strict=True)]
    test = _apportion(sum(sizes) * test_share, sizes, least=enough, most=spare)
    rest = [n - t for n, t in zip(sizes, test, strict=True)]
    validation = _apportion(sum(rest) * validation_share, rest, least=enough, most=[n - 1 for n in rest])
    if sum(test) == 0 or sum(validation) == 0:
        raise UserError(
            f"{sum(sizes)} source videos in {len(sizes)} classes cannot be divided: training needs one of each class, "
            "validation and test one more each"
        )
    return {
        m: 2 if i < t else 1 if i < t + v else 0
        for ms, t, v in zip(members, test, validation, strict=True)
        for i, m in enumerate(ms)
    }


def _divide(members: Sequence[int], seed: int, test_share: float, validation_share: float) -> dict[int, int]:
    """Part (0 train, 1 validation, 2 test) of each of at least three subjects."""
    order = sorted(members, key=lambda member: _rank(seed, "subject", member))
    test = min(max(1, round(len(order) * test_share)), len(order) - 2)
    rest = len(order) - test
    validation = min(max(1, round(rest * validation_share)), rest - 1)
    return {m: 2 if i < test else 1 if i < test + validation else 0 for i, m in enumerate(order)}


def _apportion(total: float, sizes: Sequence[int], *, least: Sequence[int], most: Sequence[int]) -> list[int]:
    """Whole numbers near `total` x size / sum of sizes that sum to `total` rounded, as far as the limits allow.

    Largest remainders; equal ones go to the first.
    """
    exact = [total * n / sum(sizes) for n in sizes]
    given = [min(max(int(x), low), high) for x, low, high in zip(exact, least, most, strict=True)]
    by_remainder = sorted(range(len(sizes)), key=lambda i: given[i] - exact[i])
    for i in by_remainder:
        if sum(given) < max(1, round(total)) and given[i] < most[i]:
            given[i] += 1
    return given


def _rank(seed: int, kind: str, member: int) -> bytes:
    # A hash, not a random generator: the order of two members never depends on who else is there.
    return hashlib.sha256(f"{seed}/{kind}/{member}".encode()).digest()


def _split(part: Sequence[int], *, rule: str, seed: int) -> Split:
    parts = np.asarray(part)
    train, validation, test = (np.flatnonzero(parts == p).astype(np.int64) for p in range(3))
    return Split(train=train, validation=validation, test=test, rule=rule, seed=seed)
