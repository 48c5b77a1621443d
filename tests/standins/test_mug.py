from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.data.clipfile import check
from amc.data.clips import load_clips
from amc.data.datasets.action_units import MEASURED, UNITS
from amc.data.datasets.landmarks import LANDMARKS, MIRROR
from amc.data.datasets.mug import EMOTIONS, KEYPOINT_LANDMARKS, KEYPOINT_NAMES, PAIRS, peak_index
from amc.errors import UserError
from amc.importing.mug.alignment import EYES
from amc.standins.face import clip as face_clip
from amc.standins.face.clip import COPIES, aligned, cut, design, make_clip, moments
from amc.standins.face.curves import between, stroke, through
from amc.standins.face.expressions import chosen_emotions, expression
from amc.standins.face.geometry import CENTRE, NEUTRAL, PIXELS, Shape, neutral, project
from amc.standins.face.layers import Layer, layers
from amc.standins.face.performance import Performance, draw_performance, envelope, intensities, landmarks
from amc.standins.face.render import lit, paint
from amc.standins.face.subjects import subject
from amc.standins.face.units import NUMBERS, displaced
from amc.standins.face.units import UNITS as MOVES
from amc.standins.registry import MUG

EVEN = np.ones((len(NUMBERS), 2))
STILL = np.zeros((1, 2))


def take(index: int = 0, seed: int = 0) -> Performance:
    return draw_performance(index, seed, length=(100, 160), before=69, after=25)


def under(units: dict[int, float], sides: np.ndarray = EVEN) -> np.ndarray:
    """The average face (68, 2) in millimetres under these units, as a displacement."""
    intensity = np.array([[units.get(n, 0.0) for n in NUMBERS]])
    return (displaced(NEUTRAL, intensity, sides, 1.0)[0] - NEUTRAL)[:, :2]


def reflected(points: np.ndarray) -> np.ndarray:
    return points[MIRROR] * ([-1, 1] if points.shape[1] == 2 else [-1, 1, 1])


@given(
    st.builds(
        Shape,
        width=st.floats(0.9, 1.1),
        jaw=st.floats(0.8, 1.2),
        chin=st.floats(-5, 5),
        eye_distance=st.floats(-2, 2),
        eye_opening=st.floats(0.8, 1.3),
        brow_arch=st.floats(-3, 3),
        nose_width=st.floats(0.8, 1.2),
        mouth_width=st.floats(0.8, 1.2),
        lips=st.floats(0.7, 1.3),
        scale=st.floats(0.9, 1.1),
    )
)
@settings(max_examples=50, deadline=None)
def test_a_resting_face_is_its_own_mirror_image(shape: Shape) -> None:
    points = neutral(shape)
    assert points.shape == (LANDMARKS, 3)
    np.testing.assert_allclose(reflected(points), points, atol=1e-9)


def test_the_average_face_by_hand() -> None:
    np.testing.assert_array_equal(neutral(Shape()), NEUTRAL)
    assert NEUTRAL[36, 0] < NEUTRAL[39, 0] < 0 < NEUTRAL[42, 0] < NEUTRAL[45, 0]
    assert NEUTRAL[19, 1] < NEUTRAL[37, 1] < NEUTRAL[33, 1] < NEUTRAL[51, 1] < NEUTRAL[57, 1] < NEUTRAL[8, 1]
    lower = neutral(Shape(chin=4.0, scale=2.0))
    assert lower[8, 1] == 2 * (NEUTRAL[8, 1] + 4)
    assert lower[0].tolist() == (2 * NEUTRAL[0]).tolist()


@pytest.mark.parametrize("unit", NUMBERS)
def test_a_unit_moves_both_sides_alike_and_grows_with_its_intensity(unit: int) -> None:
    full = under({unit: 5.0})
    assert np.abs(full).max() >= 2
    np.testing.assert_allclose(reflected(full), full, atol=1e-9)
    half = under({unit: 2.5})
    assert np.abs(half).max() == pytest.approx(np.abs(full).max() / 2, rel=0.35)
    # The points that faces are aligned by.
    assert not full[[36, 39, 42, 45, 27, 33]].any()
    right = under({unit: 5.0}, np.tile([1.0, 0.0], (len(NUMBERS), 1)))
    assert not right[NEUTRAL[:, 0] > 0].any()
    assert right[NEUTRAL[:, 0] < 0].any()


def test_units_do_what_their_names_say() -> None:
    up, down = -1, 1
    expected = {1: (21, up), 2: (18, up), 4: (21, down), 5: (37, up), 6: (41, up), 7: (37, down), 9: (31, up)}
    expected |= {10: (51, up), 12: (48, up), 15: (48, down), 16: (57, down), 17: (57, up), 23: (57, up)}
    expected |= {24: (51, down), 25: (66, down), 26: (8, down), 27: (8, down)}
    for unit, (point, way) in expected.items():
        assert np.sign(under({unit: 5})[point, 1]) == way, unit
    # Of intensity 5, by the table.
    assert under({12: 5})[48].tolist() == pytest.approx([-12.5, -15])
    assert under({12: 2})[54].tolist() == pytest.approx([5, -6])
    assert under({20: 5})[54].tolist() == pytest.approx([14, 3.5])
    # The jaw drops further in a stretch than in a drop, brows come together, lips narrow.
    assert under({27: 5})[8, 1] > under({26: 5})[8, 1] > 10
    assert under({4: 5})[21, 0] > 5
    assert under({4: 5})[22, 0] < -5
    assert under({23: 5})[48, 0] > 5
    assert set(MOVES) >= {u for units in UNITS.values() for u in units} - {54, 64}


@given(st.lists(st.floats(0, 5), min_size=len(NUMBERS), max_size=len(NUMBERS)))
@settings(max_examples=80, deadline=None)
def test_no_mixture_of_units_turns_a_face_inside_out(strength: list[float]) -> None:
    points = displaced(NEUTRAL, np.array([strength]), EVEN, 1.0)[0]
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        assert points[upper, 1] + 2.9 < points[lower, 1]
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        assert points[upper, 1] <= points[lower, 1] + 1e-9
    assert (points[[50, 51, 52], 1] < points[[61, 62, 63], 1]).all()
    assert (points[[58, 57, 56], 1] > points[[67, 66, 65], 1]).all()


def test_a_turned_head_by_hand() -> None:
    point = np.array([[[10.0, 40.0, 30.0]]])
    straight = project(point, np.zeros((1, 3)), STILL)[0, 0]
    np.testing.assert_allclose(straight, [CENTRE[0] + 28, CENTRE[1] + 40 * PIXELS])
    # 100 mm before the pivot: a yaw of 30 degrees brings it 50 mm to the side.
    yawed = project(point, np.array([[30.0, 0, 0]]), STILL)[0, 0]
    assert yawed[0] == pytest.approx(CENTRE[0] + PIXELS * (10 * np.cos(np.pi / 6) + 50), abs=1e-3)
    rolled = project(point, np.array([[0, 0, 90.0]]), STILL)[0, 0]
    np.testing.assert_allclose(rolled, [CENTRE[0], CENTRE[1] + PIXELS * 50], atol=1e-3)
    moved = project(point, np.zeros((1, 3)), np.array([[3.0, -2.0]]))[0, 0]
    np.testing.assert_allclose(moved - straight, [3 * PIXELS, -2 * PIXELS], atol=1e-3)


@given(index=st.integers(0, 10_000), seed=st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_one_frame_alone_is_the_peak_and_before_the_onset_the_face_is_neutral(index: int, seed: int) -> None:
    made = take(index, seed)
    times = np.arange(made.length, dtype=np.float64)
    size = envelope(made, times)
    assert size[made.peak] == 1
    assert np.flatnonzero(size == 1).tolist() == [made.peak]
    assert not size[times <= made.peak - made.onset].any()
    assert (np.diff(size[: made.peak + 1]) >= 0).all()
    assert (np.diff(size[made.peak :]) <= 0).all()
    for label in range(6):
        shown = expression(label, made)
        strength = intensities(made, shown.intensity, times)
        assert strength.min() >= 0
        assert strength.max() <= 5
        measured = [i for i, n in enumerate(NUMBERS) if n in UNITS[EMOTIONS[label]] & MEASURED]
        # As OpenFace prints them the peak is still found, within a frame.
        rounded = np.round(strength[:, measured].max(axis=1), 2)
        assert rounded.max() >= 1.2  # the lowest peak is that of a unit at level B
        assert abs(int(rounded.argmax()) - made.peak) <= 1


def test_a_performance_shows_a_prototype_of_its_emotion() -> None:
    seen: dict[str, set[tuple[int, ...]]] = {name: set() for name in EMOTIONS}
    for index in range(400):
        for label, name in enumerate(EMOTIONS):
            shown = expression(label, take(index))
            units = {n for n, v in zip(NUMBERS, shown.intensity, strict=True) if v}
            seen[name].add(tuple(sorted(units)))
            assert units - {25} <= UNITS[name]
            if units & {26, 27}:
                assert 25 in units
    assert seen["happy"] == {(6, 12), (12,)}
    assert seen["surprise"] == {
        *{(1, 2, 5), (1, 2, 5, 25, 26), (1, 2, 5, 25, 27), (1, 2, 25, 26), (1, 2, 25, 27)},
        *{(5, 25, 26), (5, 25, 27)},
    }
    assert {(9,), (9, 17), (9, 16, 25), (9, 16, 25, 26), (10,), (10, 17)} <= seen["disgust"]
    # Any prototype of anger can lack one of 4, 5, 7, 10, and no more.
    assert {(4, 5, 7, 17, 23), (5, 7, 17, 23), (4, 7, 17, 23), (4, 5, 17, 23)} <= seen["anger"]
    assert not any(len({4, 5, 7} & set(units)) < 2 for units in seen["anger"])
    neutral_face = expression(None, take())
    assert not neutral_face.intensity.any()
    sided = [expression(2, take(i)).sides[NUMBERS.index(20)] for i in range(100)]
    assert any(s[0] == 0 for s in sided)
    assert any(s[1] == 0 for s in sided)


def test_fewer_emotions_are_the_clearest() -> None:
    names = [[EMOTIONS[i] for i in chosen_emotions(classes)] for classes in (2, 3, 5, 6)]
    assert names[:2] == [["happy", "surprise"], ["anger", "happy", "surprise"]]
    assert set(EMOTIONS) - set(names[2]) == {"fear"}
    assert names[3] == list(EMOTIONS)
    # Class 1 of 3 is happy: its corners of the mouth, and so its pictures, are those of class 3 of 6.
    of_three, of_six = (make_clip(5, size=16, frames=4, classes=c, seed=0, label=c // 2) for c in (3, 6))
    np.testing.assert_array_equal(of_three.frames, of_six.frames)


@given(clips=st.integers(1, 3000), classes=st.integers(2, 6))
@settings(max_examples=40, deadline=None)
def test_any_number_of_clips_is_balanced(clips: int, classes: int) -> None:
    rows = [design(i, classes) for i in range(clips)]
    for column, kinds in ((0, classes), (1, 52)):
        counts = Counter(row[column] for row in rows)
        assert max(counts.values()) - min(counts.get(kind, 0) for kind in range(kinds)) <= 1
    # A performance has one class and one subject.
    assert len({row[2] for row in rows}) == len({row[:3] for row in rows})
    assert len(set(rows)) == clips


def test_performances_give_several_clips() -> None:
    rows = [design(i, 6) for i in range(3840)]
    of = Counter(row[2] for row in rows)
    assert len(of) == 1032  # 931 in the real data set
    assert set(of.values()) == {1, COPIES}
    assert len({(row[0], row[1]) for row in rows}) == 6 * 52
    copies = [[cut(i, copy, 0) for copy in range(COPIES)] for i in range(150)]
    assert all(len(set(cuts)) == COPIES for cuts in copies)
    assert {c.stride for c, *_ in copies} == {1, 2, 3}
    assert 50 < sum(c.flipped for c, *_ in copies) < 100


@pytest.mark.parametrize(("frames", "at"), [(32, 23), (16, 11), (8, 5), (4, 2)])
def test_where_the_peak_lies(frames: int, at: int) -> None:
    made = take()
    assert peak_index(frames) == at
    for stride in (1, 2, 3):
        times = moments(made, stride, frames)
        assert times[at] == made.peak
        np.testing.assert_allclose(np.diff(times), stride * 31 / (frames - 1))
        assert times[0] <= made.peak - made.onset  # neutral
        assert times[-1] < made.length
    if frames == 32:
        assert moments(made, 2, 32).tolist() == list(range(made.peak - 46, made.peak + 17, 2))


# In 48 the jaw drops so far that the importer, which sees it, would give the face more room.
@pytest.mark.parametrize("index", [0, 7, 48, 300])
@pytest.mark.parametrize("frames", [4, 32])
def test_the_first_frame_is_the_same_whatever_the_class(index: int, frames: int) -> None:
    made = [make_clip(index, size=64, frames=frames, classes=6, seed=1, label=label) for label in range(6)]
    for other in made[1:]:
        np.testing.assert_array_equal(made[0].frames[0], other.frames[0])
        np.testing.assert_array_equal(made[0].keypoints[0], other.keypoints[0])
    # And the peak is not.
    assert len({clip.frames[peak_index(frames)].tobytes() for clip in made}) == 6


def test_the_face_keeps_its_size_within_the_crop() -> None:
    for index in range(0, 104, 2):
        who, made = subject(index % 52, 0), take(index)
        view = aligned(who, made)
        # Never made larger to hold the face.
        times = np.arange(made.length, dtype=np.float64)
        shown = expression(5, made)
        points = landmarks(who.shape, made, intensities(made, shown.intensity, times), shown.sides, times)
        inside = view.move(points[:, :LANDMARKS], 64)
        assert inside.min() > 1.5
        assert inside.max() < 61.5
        centres = (inside[:, 42:48].mean(axis=1) - inside[:, 36:42].mean(axis=1))[:, 0]
        assert np.median(centres) == pytest.approx(64 * EYES, rel=0.08)


def test_copies_of_a_performance_share_light_and_person_and_differ_in_cut() -> None:
    block = 156
    made = [make_clip(i * block, size=32, frames=8, classes=6, seed=0) for i in range(COPIES)]
    assert len({(m.label, m.subject, m.source) for m in made}) == 1
    assert make_clip(COPIES * block, size=32, frames=8, classes=6, seed=0).source == block
    assert len({m.frames.tobytes() for m in made}) == COPIES


def test_a_flip_mirrors_the_picture_and_exchanges_the_points(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, flipped = (face_clip.Copy(2, f) for f in (False, True))
    monkeypatch.setattr(face_clip, "cut", lambda performance, copy, seed: plain)
    one = make_clip(5, size=64, frames=8, classes=6, seed=0)
    monkeypatch.setattr(face_clip, "cut", lambda performance, copy, seed: flipped)
    other = make_clip(5, size=64, frames=8, classes=6, seed=0)
    np.testing.assert_array_equal(other.frames, one.frames[:, :, ::-1])
    swapped = list(range(len(KEYPOINT_NAMES)))
    for a, b in PAIRS:
        swapped[a], swapped[b] = b, a
    expected = one.keypoints[:, swapped].copy()
    expected[..., 0] = 63 - expected[..., 0]
    np.testing.assert_allclose(other.keypoints, expected, atol=1e-4)
    # The subject's right stays on the left of the picture.
    for m in (one, other):
        assert (
            m.keypoints[:, KEYPOINT_NAMES.index("right_jaw"), 0] < m.keypoints[:, KEYPOINT_NAMES.index("left_jaw"), 0]
        ).all()


def drawn_at(points: np.ndarray, intensity: np.ndarray) -> list[Layer]:
    look = replace(subject(0, 0).look, glasses=False, beard=0.0, lip=(200, 0, 0), brow=(0, 200, 0))
    return layers(points, intensity, look, 1.0)


@pytest.mark.parametrize("label", range(6), ids=EMOTIONS)
def test_what_is_drawn_goes_through_the_landmarks(label: int) -> None:
    made = take(3)
    shown = expression(label, made)
    strength = intensities(made, shown.intensity, np.array([made.peak, made.peak - 5.0]))
    points = landmarks(subject(0, 0).shape, made, strength, shown.sides, np.array([made.peak, made.peak - 5.0]))
    outlines = [layer.outline for layer in drawn_at(points, strength)]
    for name, indices in {
        "jaw": range(17),
        "outer lips": range(48, 60),
        "right eye": (36, 37, 38, 39, 40, 41),
        "left eye": (42, 43, 44, 45, 46, 47),
    }.items():
        for i in indices:
            gap = min(float(np.linalg.norm(o - points[:, i : i + 1], axis=-1).min(axis=1).max()) for o in outlines)
            assert gap < 1e-6, f"{name}: landmark {i} is {gap} px from anything drawn"


def test_pictures_show_lips_and_brows_at_their_keypoints() -> None:
    """Brows and lips, painted in colours that nothing else has, lie where the keypoints say, to half a pixel."""
    made = take(1)
    for label in range(6):
        shown = expression(label, made)
        times = np.array([made.peak - 30.0, made.peak])
        strength = intensities(made, shown.intensity, times)
        points = landmarks(subject(0, 0).shape, made, strength, shown.sides, times)
        frames = list(paint(np.zeros((896, 896, 3), np.uint8), drawn_at(points, strength), 2))
        for t, frame in enumerate(frames):
            green = np.argwhere((frame == (0, 200, 0)).all(axis=-1))[:, ::-1]
            for brow in (19, 24):
                assert np.linalg.norm(green - points[t, brow], axis=1).min() < 1
            red = np.argwhere((frame == (200, 0, 0)).all(axis=-1))[:, ::-1]
            column = red[np.abs(red[:, 0] - points[t, 57, 0]) < 3]
            assert abs(column[:, 1].max() - points[t, 57, 1]) < 1.5


def test_curves_by_hand() -> None:
    line = np.array([[[0.0, 0], [4, 0], [8, 0]]])
    curve = through(line)
    assert curve.shape == (1, 9, 2)
    assert curve[0, [0, 4, 8]].tolist() == line[0].tolist()
    band = stroke(curve, [2, 2])
    assert band.shape == (1, 18, 2)
    assert sorted(set(np.round(band[0, :, 1], 6))) == [-1, 1]
    closed = through(np.array([[[0.0, 0], [4, 0], [4, 4], [0, 4]]]), closed=True)
    assert closed.shape == (1, 16, 2)
    inside = between(np.array([[[4.0, -3], [4, 3], [20, 0]]]), curve + np.array([0, -1]), curve + np.array([0, 1]))
    assert inside[0].tolist() == [[4, -1], [4, 1], [8, 0]]


def test_light_by_hand() -> None:
    grey = np.full((1, 2, 2, 3), 100, np.uint8)
    lights = np.array([256, 128, 1024], np.int32) * np.ones((2, 2, 1), np.int32)
    assert lit(grey, lights)[0, 0, 0].tolist() == [100, 50, 255]


def test_all_subjects_look_different() -> None:
    assert len({subject(s, 0).shape for s in range(52)}) == 52
    first = [make_clip(i, size=32, frames=4, classes=6, seed=0).frames[0].astype(int) for i in range(52)]
    apart = [np.abs(a - b).mean() for i, a in enumerate(first) for b in first[:i]]
    assert min(apart) > 3


def test_motion_tells_the_six_classes_apart() -> None:
    """Nearest class mean of how the keypoints move, for subjects left out of the means; chance is 1/6."""

    def moved(index: int, label: int) -> np.ndarray:
        who, made = subject(index % 52, 0), take(index)
        shown = expression(label, made)
        times = np.array([made.peak - 30.0, made.peak])
        points = landmarks(who.shape, made, intensities(made, shown.intensity, times), shown.sides, times)
        at = points[:, list(KEYPOINT_LANDMARKS)] - points[:, 27:28]
        return (at[1] - at[0]).ravel()

    known = {c: [moved(i, c) for i in range(0, 156) if i % 52 < 36] for c in range(6)}
    held_out = [(c, moved(i, c)) for c in range(6) for i in range(0, 156) if i % 52 >= 36]
    # Prototypes of an emotion differ, so each example stands for itself.
    labels = np.repeat(np.arange(6), [len(known[c]) for c in range(6)])
    rows = np.concatenate([known[c] for c in range(6)])
    right = sum(int(labels[np.linalg.norm(rows - found, axis=1).argmin()]) == c for c, found in held_out)
    assert right / len(held_out) > 0.9


def test_the_file_holds_the_clips(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    MUG.synthesize(path, clips=160, size=16, frames=4, classes=3, seed=0, workers=1)
    contents = check(path, content=True)
    info = contents.info
    assert (info.name, info.origin, info.class_names) == ("mug", "procedural", ("anger", "happy", "surprise"))
    assert (info.keypoint_names, info.pairs) == (KEYPOINT_NAMES, PAIRS)
    assert info.generator == MUG.recipe(clips=160, size=16, frames=4, classes=3, seed=0)
    assert contents.keypoints_valid.all()
    assert contents.source_clip.tolist() == [*range(156), 0, 1, 2, 3]
    clips = load_clips(path, size=16, frames=4)
    for i in (0, 31, 158):
        made = make_clip(i, size=16, frames=4, classes=3, seed=0)
        np.testing.assert_array_equal(clips.frames[i], made.frames)
        np.testing.assert_array_equal(clips.keypoints[i], made.keypoints)
        assert (clips.label[i], clips.subject[i], clips.source_clip[i]) == (made.label, made.subject, made.source)


def test_workers_change_nothing(tmp_path: Path) -> None:
    def made(workers: int) -> str:
        seen = []

        def progress(done: int, total: int, note: str = "", /) -> None:
            seen.append((done, total))

        path = tmp_path / f"{workers}.h5"
        MUG.synthesize(path, clips=40, size=16, frames=6, classes=None, seed=5, workers=workers, progress=progress)
        assert seen == [(i, 40) for i in range(1, 41)]
        return check(path, content=True).info.fingerprint

    assert made(1) == made(2)


@pytest.mark.parametrize(
    "wrong", [{"clips": 0}, {"size": 0}, {"size": 257}, {"frames": 3}, {"classes": 1}, {"classes": 7}, {"seed": -1}]
)
def test_sizes_that_make_no_data_set(tmp_path: Path, wrong: dict[str, int]) -> None:
    right = {"clips": 4, "size": 16, "frames": 4, "classes": 3, "seed": 0}
    with pytest.raises(UserError):
        MUG.synthesize(tmp_path / "a.h5", **(right | wrong))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
