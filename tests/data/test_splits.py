from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from amc.config import SPLIT_RULES
from amc.data.splits import PUBLISHED, TEST_SHARE, Split, leaks, make_split
from amc.errors import UserError

quick = settings(max_examples=150, deadline=None)


def parts(split: Split) -> dict[str, list[int]]:
    return {"train": split.train.tolist(), "validation": split.validation.tolist(), "test": split.test.tolist()}


def people(split: Split, subject: np.ndarray) -> dict[str, list[int]]:
    found = parts(split) | {"left out": split.left_out.tolist()}
    return {name: sorted(set(subject[part].tolist())) for name, part in found.items()}


@st.composite
def data_sets(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clips of sources of one class and subject each, in any order; subjects are unknown now and then."""
    sources = draw(st.integers(1, 40))
    classes, last = draw(st.integers(1, 4)), draw(st.integers(1, 20))
    numbers = draw(st.lists(st.integers(0, 1000), min_size=sources, max_size=sources, unique=True))
    of_source = [
        (draw(st.integers(0, classes - 1)), draw(st.integers(draw(st.sampled_from([-1, 0, 1])), last))) for _ in numbers
    ]
    copies = draw(st.lists(st.integers(0, sources - 1), min_size=sources, max_size=3 * sources))
    rows = draw(st.permutations(copies))
    return (
        np.array([of_source[i][0] for i in rows]),
        np.array([of_source[i][1] for i in rows]),
        np.array([numbers[i] for i in rows]),
    )


def split_or_reject(data: tuple[np.ndarray, np.ndarray, np.ndarray], **how: Any) -> Split:
    try:
        return make_split(*data, **how)
    except UserError as error:
        # Too small to be divided is the one thing that may be said of consistent data.
        assert re.search("too few source videos to split|split rule natops-", str(error))  # noqa: PT017
        assume(False)
        raise


@quick
@given(data=data_sets(), rule=st.sampled_from(SPLIT_RULES), seed=st.integers(0, 99))
def test_no_source_and_no_subject_straddles(data: Any, rule: Any, seed: int) -> None:
    split = split_or_reject(data, rule=rule, seed=seed)
    label, subject, source = data
    assert leaks(split, subject, source) == []
    assert all(len(part) for part in parts(split).values())
    # A class that is only in validation or test could not be learnt.
    assert set(label[split.train]) == set(label)
    assert split.rule in (("subject", "source") if rule == "subject" else (rule,))
    assert set(subject[split.left_out]) <= ({1} if rule == "natops-lfdm" else set())


@quick
@given(data=data_sets(), rule=st.sampled_from(SPLIT_RULES), seed=st.integers(0, 99), order=st.randoms())
def test_order_in_the_file_does_not_matter(data: Any, rule: Any, seed: int, order: Any) -> None:
    split = split_or_reject(data, rule=rule, seed=seed)
    shuffle = list(range(len(data[0])))
    order.shuffle(shuffle)
    other = make_split(*(a[shuffle] for a in data), rule=rule, seed=seed)
    for name, part in parts(split).items():
        assert sorted(shuffle[i] for i in parts(other)[name]) == part


def test_twenty_subjects_give_four_for_test_and_two_for_validation() -> None:
    subject = np.repeat(np.arange(20), 6)
    label, source = np.tile(np.arange(6), 20), np.arange(120)
    split = make_split(label, subject, source, seed=0)
    assert split.rule == "subject"
    assert [len(set(subject[part].tolist())) for part in (split.train, split.validation, split.test)] == [14, 2, 4]
    # 16 training subjects, a tenth of them is 1.6.
    assert [len(p) for p in parts(split).values()] == [84, 12, 24]


def test_who_is_tested_is_fixed_for_good() -> None:
    # Results of different versions compare only if the split stays; these are SHA-256 ranks of "0/subject/<number>".
    subject = np.arange(20)
    split = make_split(np.zeros(20, int), subject, subject, seed=0)
    assert split.test.tolist() == [1, 4, 5, 9]
    assert split.validation.tolist() == [13, 18]


def test_the_seed_changes_who() -> None:
    subject = np.arange(20)
    chosen = {tuple(make_split(np.zeros(20, int), subject, subject, seed=s).test.tolist()) for s in range(10)}
    assert len(chosen) > 5


def test_more_repetitions_move_nobody() -> None:
    subject = np.tile(np.arange(20), 3)
    once, thrice = (make_split(np.zeros(n, int), subject[:n], np.arange(n), seed=0) for n in (20, 60))
    for few, many in zip(parts(once).values(), parts(thrice).values(), strict=True):
        assert set(subject[few]) == set(subject[many])


def test_the_paper_size_at_random() -> None:
    # 8,835 clips of 24 classes: 1,810 for test, a tenth of the other 7,025 for validation.
    label = np.arange(8_835) % 24
    split = make_split(label, np.full(8_835, -1), np.arange(8_835), rule="random", seed=3)
    assert [len(p) for p in parts(split).values()] == [6_323, 702, 1_810]
    for part in parts(split).values():
        counts = np.bincount(label[part], minlength=24)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize(("share", "subjects", "sources"), [(0.25, 4, 1_756), (0.02, 1, 140)])
def test_the_share_of_validation_is_a_setting(share: float, subjects: int, sources: int) -> None:
    """R18: of 16 subjects, or 7,025 sources, that are not tested; at least one."""
    subject = np.arange(20)
    whole = make_split(np.zeros(20, int), subject, subject, seed=0, validation_share=share)
    assert [len(p) for p in parts(whole).values()] == [16 - subjects, subjects, 4]
    clips = np.arange(8_835)
    some = make_split(clips % 24, np.full(8_835, -1), clips, rule="random", seed=3, validation_share=share)
    assert [len(p) for p in parts(some).values()] == [7_025 - sources, sources, 1_810]


def test_mugs_size_at_random() -> None:
    """931 recordings, some copied five times, most four times: 3,840 clips, of which 472 are nearest by recordings."""
    copies = np.where(np.arange(931) < 116, 5, 4)
    np.random.default_rng(0).shuffle(copies)
    source = np.repeat(np.arange(931), copies)
    split = make_split(source % 6, np.full(3_840, -1), source, rule="random", seed=0, dataset="mug")
    assert len(set(source[split.test].tolist())) == 114  # 931 x 472 / 3,840 = 114.4
    assert abs(len(split.test) - 472) <= 5
    assert leaks(split, np.full(3_840, -1), source) == []


@quick
@given(sizes=st.lists(st.integers(3, 60), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_random_parts_are_as_near_to_the_papers_as_classes_allow(sizes: list[int], seed: int) -> None:
    label = np.repeat(np.arange(len(sizes)), sizes)
    split = make_split(label, np.full(len(label), -1), np.arange(len(label)), rule="random", seed=seed)
    share = TEST_SHARE["natops"]
    # Nearest, where one of each class makes no more than that.
    assert len(split.test) == max(round(len(label) * share), sum(max(1, int(n * share)) for n in sizes))
    for c, n in enumerate(sizes):
        assert abs(int((label[split.test] == c).sum()) - n * share) <= 1


def test_more_copies_move_no_source() -> None:
    source = np.arange(60)
    once = make_split(source % 3, np.full(60, -1), source, rule="random", seed=1)
    copied = np.repeat(source, 1 + source % 4)
    more = make_split(copied % 3, np.full(len(copied), -1), copied, rule="random", seed=1)
    for few, many in zip(parts(once).values(), parts(more).values(), strict=True):
        assert set(source[few]) == set(copied[many])


def test_the_published_lists() -> None:
    for name, lists in PUBLISHED.items():
        assert name in SPLIT_RULES
        assert lists.subjects == tuple(range(1, 21))  # each of the twenty once
    assert set(SPLIT_RULES) == {"subject", "random", *PUBLISHED}


def test_published_subjects_are_where_they_are_published() -> None:
    subject = np.tile(np.arange(1, 21), 3)
    label, source = np.arange(60) // 20, np.arange(60)
    lfdm = make_split(label, subject, source, rule="natops-lfdm", seed=0)
    found = people(lfdm, subject)
    assert len(found["validation"]) == 1  # a tenth of ten
    assert sorted(found["train"] + found["validation"]) == [3, 4, 8, 9, 12, 13, 15, 17, 19, 20]
    assert found["test"] == [2, 5, 6, 7, 10, 11, 14, 16, 18]
    assert found["left out"] == [1]
    assert leaks(lfdm, subject, source) == []
    others = {
        tuple(people(make_split(label, subject, source, rule="natops-lfdm", seed=s), subject)["validation"])
        for s in range(9)
    }
    assert len(others) > 1  # which is the seed's choice
    for seed in (0, 1):
        hcrf = people(make_split(label, subject, source, rule="natops-hcrf", seed=seed), subject)
        assert hcrf == {
            "train": list(range(1, 11)),
            "validation": list(range(11, 16)),
            "test": list(range(16, 21)),
            "left out": [],
        }


@pytest.mark.parametrize(
    ("subject", "dataset", "problem"),
    [
        (
            range(20),
            "natops",
            r"natops-lfdm expects subjects 1 to 20 as numbered in NATOPS, but these clips have subjects 0 ",
        ),
        ([-1] * 20, "natops", r"these clips have subjects -1 \(-1: unknown"),
        (range(1, 41, 2), "natops", r"these clips have subjects 21, 23, 25, 27, 29 \.\.\. "),
        (range(1, 21), "mug", r"natops-lfdm requires the data set natops, but these clips are 'mug'"),
        ([3, 4, 8] * 6 + [9, 9], "natops", r"there are no clips of its test subjects"),
        ([3, 2] * 10, "natops", r"there are no clips of its validation subjects"),
    ],
)
def test_clips_that_a_published_rule_is_not_of(subject: Any, dataset: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        make_split([0] * 20, list(subject), range(20), rule="natops-lfdm", seed=0, dataset=dataset)


def test_a_published_rule_has_no_fall_back() -> None:
    with pytest.raises(UserError, match="natops-hcrf: a class has no clips of the training subjects"):
        make_split([0, 0, 1], [1, 11, 16], range(3), rule="natops-hcrf", seed=0)


def test_mug_by_its_own_share() -> None:
    # 472 of 3,840 is 6.4 of 52 subjects.
    subject = np.arange(52)
    split = make_split(np.zeros(52, int), subject, subject, seed=0, dataset="mug")
    assert [len(p) for p in parts(split).values()] == [41, 5, 6]


def test_three_subjects_are_enough() -> None:
    split = make_split([0, 1] * 3, [5, 5, 6, 6, 7, 7], range(6), seed=0)
    assert split.rule == "subject"
    assert sorted(len(p) for p in parts(split).values()) == [2, 2, 2]


@pytest.mark.parametrize("subject", [[0, 0, 0, 0, 1, 1, 1, 1], [0, 1, 2, 3, 0, 1, 2, -1]])
def test_fewer_or_unknown_subjects_fall_back_to_sources(subject: list[int]) -> None:
    split = make_split([0] * 8, subject, range(8), seed=0)
    assert split.rule == "source"
    # 8 x 1,810 / 8,835 = 1.6 for test, a tenth of 6 for validation.
    assert [len(p) for p in parts(split).values()] == [5, 1, 2]


def test_a_class_of_one_subject_falls_back_to_sources() -> None:
    # Class s belongs to subject s alone, so any subject kept back would take its class along.
    label = subject = np.repeat(np.arange(4), 5)
    split = make_split(label, subject, np.arange(20), seed=0)
    assert split.rule == "source"
    assert all(set(label[part].tolist()) == {0, 1, 2, 3} for part in parts(split).values())


def test_the_fewest_sources() -> None:
    split = make_split([0, 0, 1, 1], [-1] * 4, range(4), rule="random", seed=0)
    assert sorted(len(p) for p in parts(split).values()) == [1, 1, 2]


def test_copies_of_a_source_stay_together() -> None:
    source = np.repeat(np.arange(10), 4)
    split = make_split(np.repeat([0, 1], 20), np.full(40, -1), source, rule="random", seed=1)
    assert all(len(part) % 4 == 0 for part in parts(split).values())


@pytest.mark.parametrize(
    ("label", "subject", "source", "problem"),
    [
        ([0, 0, 1], [-1] * 3, [0, 1, 2], "too few source videos to split: 3 in 2 classes"),
        ([0, 0, 0], [-1] * 3, [0, 0, 0], "too few source videos to split: 1 in 1 classes"),
        ([0, 1, 0, 0, 0], [-1] * 5, [0, 0, 1, 2, 3], "source video 0 has clips of more than one class"),
        (
            [0, 0, 0, 0, 0],
            [0, 1, -1, 0, 0],
            [0, 0, 1, 2, 3],
            "source video 0 has clips of more than one class or subject",
        ),
    ],
)
def test_what_cannot_be_divided_is_said(label: Any, subject: Any, source: Any, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        make_split(label, subject, source, rule="random", seed=0)


def test_an_unknown_rule() -> None:
    with pytest.raises(UserError, match="unknown split rule 'luck'"):
        make_split([0], [0], [0], rule="luck", seed=0)


def index(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_leaks_are_named() -> None:
    subject, source = [0, 0, 1, 2], [10, 10, 11, 12]
    sound = Split(index(0, 1), index(2), index(3), "subject", 0)
    assert leaks(sound, subject, source) == []
    torn = Split(index(0), index(1, 2), index(3), "subject", 0)
    assert leaks(torn, subject, source) == [
        "source 10 is in both train and validation",
        "subject 0 is in both train and validation",
    ]
    published = Split(index(0), index(1), index(3), "natops-lfdm", 0, left_out=index(2))
    assert leaks(published, subject, [10, 13, 11, 12]) == ["subject 0 is in both train and validation"]
    by_source = Split(index(0), index(1, 2), index(3), "source", 0)
    assert leaks(by_source, subject, [10, 13, 11, 12]) == []
    assert leaks(Split(index(0, 1), index(2), index(), "source", 0), subject, source) == [
        "the test part is empty",
        "the parts do not hold every clip exactly once",
    ]
    twice = Split(index(0, 1), index(2), index(2, 3), "source", 0)
    assert leaks(twice, subject, source) == ["the parts do not hold every clip exactly once"]


@quick
@given(subjects=st.integers(3, 40), data=st.data(), seed=st.integers(0, 99), share=st.sampled_from([0.02, 0.1, 0.3]))
def test_folds_test_each_subject_once(subjects: int, data: st.DataObject, seed: int, share: float) -> None:
    folds = data.draw(st.integers(2 if subjects > 3 else 3, subjects))
    subject = np.repeat(np.arange(subjects), 2)
    clips = (np.tile([0, 1], subjects), subject, np.arange(2 * subjects))
    splits = [make_split(*clips, seed=seed, validation_share=share, folds=folds, fold=fold) for fold in range(folds)]
    tested = [name for split in splits for name in people(split, subject)["test"]]
    assert sorted(tested) == list(range(subjects))
    sizes = {len(people(split, subject)["test"]) for split in splits}
    assert max(sizes) - min(sizes) <= 1
    for split in splits:
        found = people(split, subject)
        assert leaks(split, subject, clips[2]) == []
        others = subjects - len(found["test"])
        assert len(found["validation"]) == min(max(1, round(others * share)), others - 1)


def test_the_first_of_five_folds_is_the_split_without_folds() -> None:
    subject = np.arange(20)
    plain = make_split(np.zeros(20, int), subject, subject, seed=0)
    folds = [make_split(np.zeros(20, int), subject, subject, seed=0, folds=5, fold=fold) for fold in range(5)]
    assert parts(folds[0]) == parts(plain)
    assert len({tuple(split.validation) for split in folds}) == 5  # validation subjects change with the fold


@pytest.mark.parametrize(
    ("subject", "how", "message"),
    [
        (range(4), {"folds": 5}, "4 subjects cannot be divided into 5 folds: give 2 to 4"),
        (range(4), {"folds": 1}, "4 subjects cannot be divided into 1 folds"),
        (range(4), {"folds": 2, "fold": 2}, "there is no fold 2 of 2: the last one is 1"),
        (range(3), {"folds": 2, "fold": 1}, "3 subjects in 2 folds leave too few to train on"),
        ([-1, 0, 1, 2], {"folds": 2}, "some subjects are unknown: leave out --folds"),
        (range(1, 5), {"folds": 2, "rule": "natops-hcrf"}, "folds require --split-rule subject, not natops-hcrf"),
        (range(1, 5), {"folds": 2, "rule": "random"}, "folds require --split-rule subject, not random"),
    ],
)
def test_folds_that_cannot_be_made(subject: Any, how: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_split([0] * 4 if len(subject) == 4 else [0] * 3, list(subject), range(len(subject)), seed=0, **how)


def test_a_class_that_only_one_fold_has_cannot_be_learnt() -> None:
    subject = np.arange(6)
    fold_of = {int(s): f for f in range(3) for s in make_split([0] * 6, subject, subject, seed=0, folds=3, fold=f).test}
    label = [int(fold_of[s] == 1) for s in range(6)]
    with pytest.raises(UserError, match="fold 1 of 3: a class has no clips of the training subjects"):
        make_split(label, subject, subject, seed=0, folds=3, fold=1)
