from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import ttest_1samp

from analysis.statistics.crossed import crossed
from analysis.statistics.intervals import p_value
from analysis.statistics.mean_squares import mean_squares

Numbers = NDArray[np.float64]
shapes = st.tuples(st.integers(2, 6), st.integers(1, 8))
tables = arrays(np.float64, shapes, elements=st.integers(-200, 200).map(lambda n: n / 8))
answers = arrays(np.bool_, shapes)


def test_an_analysis_of_variance_by_hand() -> None:
    # Rows 2 and 5, columns 2, 3, 5.5, all 3.5: seeds 3 (1.5^2 + 1.5^2) / 1 = 13.5, clips 2 (1.5^2 + 0.5^2 + 2^2) / 2
    # = 6.5; what is left is 0.5, 0.5, -1 and its negative, 3 / 2 = 1.5.
    found = crossed([[1.0, 2.0, 3.0], [3.0, 4.0, 8.0]])
    assert found.mean == 3.5
    assert found.squares is not None
    assert float(found.squares.run) == pytest.approx(13.5 / 6)
    (clips,) = found.squares.units
    assert (float(clips.floor), float(clips.shared), clips.floor_df, clips.df) == pytest.approx((1.5 / 6, 5 / 6, 2, 2))
    # t(0.975; 1) = 12.706205 for the seeds, t(0.975; 2) = 4.302653 for the clips beyond the rest.
    reach = math.sqrt((12.706205**2 * 13.5 + 4.302653**2 * 5.0) / 6)
    assert found.interval == pytest.approx((3.5 - reach, 3.5 + reach), abs=1e-5)


def test_seeds_that_happen_to_agree_are_not_without_spread() -> None:
    # Both rows have mean 1, so seeds show no variance; the rest, +-1 / 2 and with one degree of freedom, has.
    found = crossed([[0.0, 2.0], [2.0, 0.0]])
    assert found.squares is not None
    assert (float(found.squares.run), float(found.squares.units[0].floor)) == (0.0, 4.0 / 4)
    assert found.interval == pytest.approx((1 - 12.706205, 1 + 12.706205), abs=1e-5)  # sqrt(t^2 4 / 4)


@given(arrays(np.float64, st.integers(2, 8), elements=st.integers(-200, 200).map(lambda n: n / 8)))
def test_one_clip_gives_students_t_over_seeds(values: Numbers) -> None:
    assume(values.std() > 0)
    found, expected = crossed(values[:, None]), ttest_1samp(values, 0.0)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-6)
    held = expected.confidence_interval(0.95)
    assert found.interval == pytest.approx((held.low, held.high))


@given(arrays(np.float64, st.integers(2, 8), elements=st.integers(-200, 200).map(lambda n: n / 8)), st.integers(2, 5))
def test_clips_that_are_all_alike_add_nothing(values: Numbers, clips: int) -> None:
    assume(values.std() > 0)
    found = crossed(np.repeat(values[:, None], clips, axis=1))
    assert found.p == pytest.approx(ttest_1samp(values, 0.0).pvalue, rel=1e-6)


@given(tables, st.integers(0, 1000))
def test_neither_the_order_of_seeds_nor_that_of_clips_matters(values: Numbers, number: int) -> None:
    draw = np.random.default_rng(number)
    other = crossed(values[draw.permutation(len(values))][:, draw.permutation(values.shape[1])])
    found = crossed(values)
    assert other.interval == pytest.approx(found.interval, abs=1e-6)
    assert other.p == pytest.approx(found.p, abs=1e-6)


@given(tables, st.integers(-50, 50), st.sampled_from([0.25, 1.0, 4.0]))
def test_shift_and_scale(values: Numbers, shift: float, scale: float) -> None:
    found, moved = crossed(values), crossed(values * scale + shift)
    assert found.interval is not None
    assert moved.interval == pytest.approx(tuple(end * scale + shift for end in found.interval), abs=1e-6)
    assert p_value(mean_squares(values * scale + shift), shift) == pytest.approx(found.p, abs=1e-6)
    scaled = crossed(values, scale=scale)
    assert scaled.interval == pytest.approx(tuple(end * scale for end in found.interval))
    assert (scaled.p, scaled.mean) == pytest.approx((found.p, found.mean * scale))


@given(tables)
def test_the_other_way_round_is_the_same_with_its_sign_turned(values: Numbers) -> None:
    found, turned = crossed(values), crossed(-values)
    assert found.interval is not None
    assert turned.interval == pytest.approx((-found.interval[1], -found.interval[0]))
    assert turned.p == pytest.approx(found.p)


@given(answers)
def test_wrong_answers_mirror_right_ones(values: NDArray[np.bool_]) -> None:
    found, turned = crossed(values), crossed(~values)
    assert found.interval is not None
    assert turned.interval == pytest.approx((1 - found.interval[1], 1 - found.interval[0]))


@given(tables, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_p_is_small_just_where_the_interval_leaves_0_out(values: Numbers, confidence: float) -> None:
    found = crossed(values, confidence=confidence)
    assert found.interval is not None
    assert found.p is not None
    assume(abs(found.p - (1 - confidence)) > 1e-6)
    assert (found.p < 1 - confidence) == (not found.interval[0] <= 0 <= found.interval[1])


@given(answers, st.floats(0.01, 0.99))
def test_p_of_a_share_and_its_interval(values: NDArray[np.bool_], chance: float) -> None:
    assume(values.shape[1] > 1)
    found = crossed(values, scale=100)
    p = float(p_value(mean_squares(values), chance))
    assert found.interval is not None
    assume(abs(p - 0.05) > 1e-6)
    assert (p < 0.05) == (not found.interval[0] <= 100 * chance <= found.interval[1])
    assert 0 <= found.interval[0] <= found.mean <= found.interval[1] <= 100 + 1e-9


def test_all_right_is_not_certain() -> None:
    # As if one clip had differed: variance 1 / 180^2, t(0.975; 179) = 1.973305, so k = t^2 / 180^2 / (p (1 - p)) with
    # p = 181 / 182 is 0.02211986; Wilson about 182 / 184, whose lower end is the lower of the two.
    found = crossed(np.ones((3, 180), dtype=np.bool_))
    k, p = 1.973305**2 / 180**2 / (181 / 182 / 182), 182 / 184
    low = (p + k / 2 - math.sqrt(k * p * (1 - p) + k * k / 4)) / (1 + k)
    assert found.interval == (pytest.approx(low, abs=1e-6), 1.0)
    assert 0.95 < low < 0.98


@given(st.integers(2, 10), st.integers(2, 400), st.booleans())
@example(3, 288, True)  # Wilson's end was a hair below 1
@example(3, 288, False)
def test_the_mean_is_inside_where_all_are_right_or_wrong(seeds: int, clips: int, right: bool) -> None:
    found = crossed(np.full((seeds, clips), right), scale=100)
    assert found.interval is not None
    assert 0 <= found.interval[0] <= found.mean <= found.interval[1] <= 100
    assert found.mean == (100 if right else 0)
    assert found.interval[0] < found.interval[1]


def test_shares_of_frames_without_spread_are_not_certain() -> None:
    # As if one clip had been all wrong: the variance of the mean is 1 / 144^2 and t(0.975; 143) = 1.976692.
    found = crossed(np.ones((3, 144)), scale=100, extent=1.0)
    assert found.interval == pytest.approx((100 - 197.6692 / 144, 100 + 197.6692 / 144), abs=1e-4)
    # One that does differ is known, and half of the doubt is gone.
    values = np.ones((3, 144))
    values[0, 0] = 0.9
    assert mean_squares(values, 1.0).least == pytest.approx(1 / (2 * 144**2))
    assert mean_squares(values).least == 0.0


def test_no_answer_that_differs_is_not_certain_either() -> None:
    found = crossed(np.zeros((3, 180), dtype=np.int64))
    assert found.interval == pytest.approx((-1.973305 / 180, 1.973305 / 180), abs=1e-6)
    assert found.p == 1.0


def test_numbers_without_spread_give_a_point() -> None:
    found = crossed(np.full((3, 4), 0.5))
    assert found.interval == (0.5, 0.5)
    assert found.p == 0.0
    assert crossed(np.zeros((3, 4))).p == 1.0


def test_one_seed_gives_no_interval() -> None:
    found = crossed([[True, False, True, True]])
    assert found.mean == 0.75
    assert (found.interval, found.p, found.squares) == (None,) * 3


@pytest.mark.parametrize("values", [[], [[]], [1.0, 2.0], [[1.0, float("nan")], [0.0, 1.0]], [[math.inf, 1.0]]])
def test_values_that_are_no_table_are_refused(values: list[list[float]]) -> None:
    with pytest.raises(ValueError, match=r"non-empty table|NaN or infinity"):
        crossed(values)


def test_a_scale_must_be_positive() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        crossed([[1.0], [2.0]], scale=0.0)
