"""The landmarks of the iBUG scheme and their mirror."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from amc.data.datasets.landmarks import LANDMARKS, MIRROR, mirrored
from tests.importing.mug.made_takes import neutral_face


def test_the_mirror_is_an_involution() -> None:
    np.testing.assert_array_equal(MIRROR[MIRROR], np.arange(LANDMARKS))
    # On the middle line: chin, bridge, base of the nose, and the lips' middles.
    assert np.flatnonzero(np.arange(LANDMARKS) == MIRROR).tolist() == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


def test_the_mirror_is_that_of_a_symmetric_face() -> None:
    points = neutral_face()
    np.testing.assert_allclose(points[MIRROR] * (-1, 1), points, atol=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(1, 2000))
def test_flipped_twice_is_as_before(seed: int, width: int) -> None:
    points = np.random.default_rng(seed).uniform(0, width, (3, LANDMARKS, 2))
    np.testing.assert_allclose(mirrored(mirrored(points, width), width), points, atol=1e-9)
    assert np.allclose(mirrored(points, width)[..., 0, 0], width - 1 - points[..., 16, 0])
