"""Windows around the peak, and chance."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from amc.data.datasets.mug import peak_index
from amc.importing.mug.clip_variants import (
    ClipVariant,
    clip_frames,
    distribute_clips,
    possible_variants,
    shuffled,
    span,
)


def test_23_before_the_peak_and_8_after() -> None:
    frames = clip_frames(100, 50, 32, 1)
    assert frames == range(27, 59)
    assert frames.index(50) == 23
    assert clip_frames(160, 80, 32, 2) == range(34, 97, 2)
    assert clip_frames(160, 80, 32, 2).index(80) == 23  # type: ignore[union-attr]


def test_other_lengths_in_proportion() -> None:
    assert [peak_index(t) for t in (2, 8, 16, 32)] == [1, 5, 11, 23]


def test_windows_that_overrun_an_end_are_shifted_inside() -> None:
    assert clip_frames(100, 3, 32, 1) == range(0, 32)
    assert clip_frames(100, 99, 32, 1) == range(68, 100)
    assert clip_frames(63, 40, 32, 2) == range(0, 63, 2)
    assert clip_frames(62, 40, 32, 2) is None
    assert clip_frames(94, 0, 32, 3) == range(0, 94, 3)
    assert clip_frames(93, 0, 32, 3) is None


@given(st.integers(2, 40), st.integers(1, 3), st.integers(1, 200), st.data())
def test_windows_always_lie_inside_and_hold_the_peak_where_it_is_near(
    frames: int, stride: int, length: int, data: st.DataObject
) -> None:
    peak = data.draw(st.integers(0, length - 1))
    taken = clip_frames(length, peak, frames, stride)
    assert (taken is None) == (length < span(frames, stride))
    if taken is not None:
        assert len(taken) == frames
        assert taken[0] >= 0
        assert taken[-1] < length
        start = peak - peak_index(frames) * stride
        if 0 <= start <= length - span(frames, stride):
            assert taken[peak_index(frames)] == peak
        else:
            assert taken[0] == 0 or taken[-1] == length - 1


def test_possible_draws() -> None:
    assert possible_variants(62, 32) == (ClipVariant(1, False), ClipVariant(1, True))
    assert len(possible_variants(63, 32)) == 4
    assert len(possible_variants(94, 32)) == 6
    assert possible_variants(94, 32, (3,)) == (ClipVariant(3, False), ClipVariant(3, True))
    assert possible_variants(31, 32) == ()


def test_chance_is_the_takes_own_and_the_seeds() -> None:
    every = possible_variants(160, 32)
    orders = {shuffled(f"{i:03d}/anger/take000", every, 0)[:4] for i in range(60)}
    assert len(orders) > 40
    assert shuffled("a", every, 0) == shuffled("a", every, 0)
    assert sorted(shuffled("a", every, 0)) == sorted(every)
    assert any(shuffled(name, every, 0) != shuffled(name, every, 1) for name in "abcdef")
    firsts = [shuffled(str(i), every, 0)[0] for i in range(600)]
    for draw in every:
        assert 60 < firsts.count(draw) < 140


@given(st.dictionaries(st.text(max_size=5), st.integers(1, 6), max_size=12), st.integers(0, 80), st.integers(0, 9))
def test_shares_are_even_and_sum_up(available: dict[str, int], clips: int, seed: int) -> None:
    given_ = distribute_clips(available, clips, seed)
    assert sum(given_.values()) == min(clips, sum(available.values()))
    assert all(0 <= given_[name] <= available[name] for name in available)
    for name, n in given_.items():
        # Nobody has two more than one who could have had more.
        assert all(n - given_[other] <= 1 for other in available if given_[other] < available[other]), name
