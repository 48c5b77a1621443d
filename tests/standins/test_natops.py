from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.data.clipfile import check
from amc.data.clips import load_clips
from amc.data.datasets.natops import GESTURE_NAMES, KEYPOINT_NAMES, PAIRS
from amc.errors import UserError
from amc.standins.body.clip import design, draw_repetition, make_clip
from amc.standins.body.gestures import GESTURES, NEUTRAL, REST, ArmPose, Gesture, Pose, chosen_gestures
from amc.standins.body.kinematics import CAMERA, CROP, Build, Motion, Variation, directions_at, movement, perform
from amc.standins.body.render import Scene, draw_frames
from amc.standins.body.subjects import BodyLook, BodySubject, subject
from amc.standins.registry import NATOPS
from tests.importing.running import alive, children, needs_proc, wait_for

STILL = np.zeros((12, 3))
PLAIN = Variation(
    shift=(0.0, 0.0),
    early=0.0,
    duration=1.0,
    rhythm=(0.0, 0.0),
    amplitude=(1.0, 1.0),
    lag=0.0,
    posture=np.zeros((4, 3)),
    settled=np.zeros((4, 3)),
    offset=np.zeros((4, 3)),
    wobble=STILL,
    sway=STILL[:2],
)
BUILD = Build(shoulder=20, upper_arm=30, forearm=26, neck=24, head=12, chest=10, trunk=40, thickness=12, hand=10)
DAYLIGHT = Scene(view=(0, 0), light=(1.0, 1.0, 1.0))
# Colours that nothing else has, nor their darker shades.
RED, GREEN, BLUE, WHITE = (200, 0, 0), (0, 200, 0), (0, 0, 200), (255, 255, 255)
PAINTED = BodyLook(
    skin=RED,
    glove=RED,
    hair=(200, 0, 200),
    vest=BLUE,
    sleeve=GREEN,
    trousers=(0, 200, 200),
    stripe=False,
    background=np.full((CROP + 24, CROP + 24, 3), 255, np.uint8),
)


STYLE = subject(0, 0).style


def varied(index: int, number: int = 0, seed: int = 0) -> Variation:
    """The variation of repetition `index` of a subject."""
    return draw_repetition(index, seed, subject(number, seed).style).variation


def joint(motion: Motion, name: str) -> np.ndarray:
    """(T, 3)"""
    return motion.joints[:, KEYPOINT_NAMES.index(name)]


def test_the_gestures_are_those_of_the_data_set() -> None:
    assert tuple(gesture.name for gesture in GESTURES) == GESTURE_NAMES


@pytest.mark.parametrize("gesture", GESTURES, ids=lambda g: g.name)
def test_every_gesture_is_sound_data(gesture: Gesture) -> None:
    assert gesture.lead
    assert len(gesture.description) > 40
    assert bool(gesture.loop) == (gesture.times > 0)
    for pose in (*gesture.lead, *gesture.loop):
        assert pose.takes > 0
        assert all(abs(arm.upper_toward) < 90 and abs(arm.fore_toward) < 90 for arm in (pose.right, pose.left))


def test_poses_are_reached_in_their_time() -> None:
    up = Pose(1, ArmPose(100, 0, 100, 0), REST)
    down = Pose(3, ArmPose(50, 0, 50, 0), REST)
    gesture = Gesture("test", "", lead=(up,), loop=(down, up), times=1, back=5)
    # 1 + (3 + 1) + 5 parts: up at 1/10, down at 4/10, up again at 5/10, at rest at the end.
    found = directions_at(gesture, np.array([0, 0.1, 0.4, 0.5, 1.0]))
    swing, toward = np.degrees(np.arctan2(found[..., 0], found[..., 1])), np.degrees(np.arcsin(found[..., 2]))
    np.testing.assert_allclose(swing[:, 0], [REST.upper, 100, 50, 100, REST.upper], atol=1e-9)
    np.testing.assert_allclose(toward[:, 1], [REST.fore_toward, 0, 0, 0, REST.fore_toward], atol=1e-9)
    np.testing.assert_allclose(swing[:, 2:], np.tile([REST.upper, REST.fore], (5, 1)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1)


def _at_the_pose(gesture: Gesture, variation: Variation = PLAIN) -> Motion:
    """One frame of a gesture of one pose: the middle of its movement."""
    motion = perform(replace(gesture, centre=0.5, share=0.5), BUILD, variation, 3)
    return Motion(motion.joints[1:2], motion.hands[1:2], motion.thumbs[1:2])


def test_a_straight_arm_by_hand() -> None:
    spread = Pose(1, ArmPose(90, 0, 90, 0), ArmPose(90, 0, 180, 0))
    motion = _at_the_pose(Gesture("test", "", lead=(spread,), thumbs=("up", "neutral")))
    assert joint(motion, "chest")[-1].tolist() == [89.5, 89.5, 0]
    assert joint(motion, "head")[-1].tolist() == [89.5, 89.5 - 10 - 24, 0]
    assert joint(motion, "navel")[-1].tolist() == [89.5, 89.5 - 10 + 40, 0]
    # The subject's right is on the left of the picture.
    np.testing.assert_allclose(joint(motion, "right_shoulder")[-1, :2], [69.5, 79.5], atol=1e-3)
    np.testing.assert_allclose(joint(motion, "right_elbow")[-1, :2], [39.5, 79.5], atol=1e-3)
    np.testing.assert_allclose(joint(motion, "right_wrist")[-1, :2], [13.5, 79.5], atol=1e-3)
    np.testing.assert_allclose(joint(motion, "left_elbow")[-1, :2], [139.5, 79.5], atol=1e-3)
    np.testing.assert_allclose(joint(motion, "left_wrist")[-1, :2], [139.5, 53.5], atol=1e-3)
    # The tip of the hand is 10 px from the wrist, a raised thumb well above it, a neutral one along the hand.
    np.testing.assert_allclose(motion.hands[-1, 1, :2], [3.5, 79.5], atol=1e-3)
    assert motion.thumbs[-1, 1, 1] < 79.5 - 10
    assert motion.thumbs[-1, 0, 0] == pytest.approx(139.5, abs=1e-3)


def test_an_arm_towards_the_camera_appears_larger() -> None:
    motion = _at_the_pose(Gesture("test", "", lead=(Pose(1, ArmPose(90, 60, 90, 60), REST),)))
    depth, reach = 30 * np.sin(np.pi / 3), 20 + 30 * 0.5
    factor = CAMERA / (CAMERA - depth)
    expected = [89.5 - reach * factor, 89.5 - 10 * factor, depth]
    np.testing.assert_allclose(joint(motion, "right_elbow")[-1], expected, atol=1e-3)


@given(index=st.integers(0, 5000), label=st.integers(0, 23), number=st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_a_gesture_goes_from_rest_to_rest_on_limbs_of_constant_length(index: int, label: int, number: int) -> None:
    variation, build = varied(index, number), subject(number, 0).build
    start, end = movement(GESTURES[label], variation)
    assert 0.07 <= start <= 0.42  # of the clip, 3.5 to 21 of 51 frames
    assert start < end <= 0.97
    motion = perform(GESTURES[label], build, variation, 101)
    time = np.linspace(0, 1, 101)
    for still in (motion.joints[time <= start], motion.joints[time >= end]):
        assert len(still) >= 3
        np.testing.assert_array_equal(still, still[:1].repeat(len(still), axis=0))
    moved = np.linalg.norm(motion.joints[..., :2] - motion.joints[:1, :, :2], axis=-1)
    assert moved[-1].max() < 0.35 * moved.max()
    # Undo the projection.
    scale = (CAMERA - motion.joints[..., 2:]) / CAMERA
    points = np.concatenate([(motion.joints[..., :2] - 89.5) * scale, motion.joints[..., 2:]], axis=-1)
    for shoulder, elbow, wrist in ((3, 5, 7), (4, 6, 8)):
        np.testing.assert_allclose(
            np.linalg.norm(points[:, elbow] - points[:, shoulder], axis=-1), build.upper_arm, atol=0.01
        )
        np.testing.assert_allclose(
            np.linalg.norm(points[:, wrist] - points[:, elbow], axis=-1), build.forearm, atol=0.01
        )


def test_onset_speed_and_size_vary_more_between_performers_than_between_repetitions() -> None:
    numbers = np.array([[_numbers(varied(i, s)) for i in range(s, 800, 40)] for s in range(40)])
    within, between = numbers.std(axis=1).mean(axis=0), numbers.mean(axis=1).std(axis=0)
    assert (within > 0.01).all()
    assert (between > within).all()


def _numbers(variation: Variation) -> tuple[float, float, float]:
    return variation.early, variation.duration, variation.amplitude[0]


def test_turn_left_is_turn_right_mirrored() -> None:
    left, right = (perform(GESTURES[i], BUILD, PLAIN, 12).joints for i in (12, 13))
    swapped = list(range(9))
    for one, other in PAIRS:
        swapped[one], swapped[other] = other, one
    mirrored = right[:, swapped]
    mirrored[..., 0] = CROP - 1 - mirrored[..., 0]
    np.testing.assert_allclose(left, mirrored, atol=2e-3)


@given(clips=st.integers(1, 700), classes=st.integers(2, 24), subjects=st.integers(1, 70))
@settings(max_examples=60, deadline=None)
def test_any_number_of_clips_is_balanced(clips: int, classes: int, subjects: int) -> None:
    rows = [design(i, classes, subjects) for i in range(clips)]
    for column, kinds in ((0, classes), (1, subjects)):
        counts = Counter(row[column] for row in rows)
        assert max(counts.values()) - min(counts.get(kind, 0) for kind in range(kinds)) <= 1


@pytest.mark.parametrize("classes", [2, 3, 6, 7, 24])
@pytest.mark.parametrize("subjects", [7, 20, 60])
def test_every_subject_performs_every_class(classes: int, subjects: int) -> None:
    all_pairs = subjects * classes
    rows = [design(i, classes, subjects) for i in range(2 * all_pairs)]
    assert len(set(rows[:all_pairs])) == all_pairs
    assert rows[:all_pairs] == rows[all_pairs:]


@pytest.mark.parametrize("index", [0, 7, 300])
def test_the_first_frame_is_the_same_whatever_the_class(index: int) -> None:
    made = [make_clip(index, size=64, frames=7, classes=24, seed=1, label=label) for label in range(24)]
    for other in made[1:]:
        np.testing.assert_array_equal(made[0].frames[0], other.frames[0])
        np.testing.assert_array_equal(made[0].keypoints[0], other.keypoints[0])
    # And the middle of the movement is not.
    assert len({clip.frames[3].tobytes() for clip in made}) == 24


def test_repetitions_differ_from_the_first_frame_on() -> None:
    first, again = (make_clip(i, size=64, frames=6, classes=3, seed=0) for i in (0, 60))
    assert (first.label, first.subject) == (again.label, again.subject)
    for t in range(6):
        assert (first.frames[t] != again.frames[t]).any()


def test_all_subjects_look_different() -> None:
    assert len({subject(s, 0).build for s in range(20)}) == 20
    looks = [
        next(draw_frames(subject(s, 0), perform(GESTURES[0], BUILD, PLAIN, 2), DAYLIGHT)).astype(int) for s in range(20)
    ]
    apart = [np.abs(a - b).mean() for i, a in enumerate(looks) for b in looks[:i]]
    assert min(apart) > 5


def test_fewer_frames_sample_the_same_motion_more_coarsely() -> None:
    fine, coarse = (perform(GESTURES[3], BUILD, varied(3), frames).joints for frames in (31, 16))
    np.testing.assert_allclose(fine[::2], coarse, atol=2e-3)


def test_arms_are_large_in_the_frame_and_joints_stay_inside() -> None:
    builds = [subject(s, 0).build for s in range(20)]
    points = np.stack(
        [perform(GESTURES[i % 24], builds[i % 20], varied(i, i % 20), 16).joints[..., :2] for i in range(480)]
    )
    assert points.min() >= 0
    assert points.max() <= CROP - 1
    spread = points[4::24, 5]
    width = spread[:, KEYPOINT_NAMES.index("left_wrist"), 0] - spread[:, KEYPOINT_NAMES.index("right_wrist"), 0]
    assert np.median(width) > 0.6 * CROP


def test_motion_tells_all_gestures_apart_but_for_the_thumb() -> None:
    """Nearest class mean of the joints' paths at one speed and onset, for subjects left out of the means."""
    who = [subject(s, 0) for s in range(20)]

    def path(label: int, number: int) -> np.ndarray:
        variation = replace(varied(24 * number + label, number), early=0.0, duration=1.0)
        joints = perform(GESTURES[label], who[number].build, variation, 32).joints[..., :2]
        return (joints - joints[:, 1:2]).ravel()

    means = np.stack([np.mean([path(c, s) for s in range(14)], axis=0) for c in range(24)])
    clear = {GESTURE_NAMES.index(name) for name in ("All Clear", "Not Clear")}
    right = []
    for c in range(24):
        for s in range(14, 20):
            found = int(np.linalg.norm(means - path(c, s), axis=1).argmin())
            right.append(found == c or {found, c} == clear)
    assert np.mean(right) > 0.95


def test_all_clear_and_not_clear_differ_in_the_thumb() -> None:
    tips = {}
    for name in ("All Clear", "Not Clear"):
        motion = perform(GESTURES[GESTURE_NAMES.index(name)], BUILD, PLAIN, 31)
        wrist = joint(motion, "right_wrist")
        np.testing.assert_array_equal(motion.thumbs[0], motion.thumbs[-1])
        tips[name] = (motion.thumbs[:, 1] - wrist)[:, 1]
    assert tips["All Clear"][0] == tips["Not Clear"][0]
    assert tips["All Clear"][16] < -12
    assert tips["Not Clear"][16] > 12


def colour_at(frame: np.ndarray, point: np.ndarray) -> tuple[int, ...]:
    x, y = np.rint(point[:2]).astype(int)
    return tuple(int(v) for v in frame[y, x])


@pytest.mark.parametrize("label", range(24), ids=lambda i: GESTURES[i].name)
def test_keypoints_sit_on_the_body_parts(label: int) -> None:
    motion = perform(GESTURES[label], BUILD, replace(PLAIN, shift=(3.3, -2.4)), 16)
    frames = np.stack(list(draw_frames(BodySubject(BUILD, PAINTED, STYLE), motion, DAYLIGHT)))
    for t, frame in enumerate(frames):
        found = {name: colour_at(frame, motion.joints[t, j]) for j, name in enumerate(KEYPOINT_NAMES)}
        # Channel that is lit: red skin, green sleeves, blue vest. An arm may pass before anything.
        kinds = {
            name: ("red", "green", "blue")[int(np.argmax(c))] if min(c) < 150 else "wall" for name, c in found.items()
        }
        for name, kind in kinds.items():
            own = {"head": {"red"}, "chest": {"blue", "red"}, "navel": {"blue"}}.get(name, {"green"})
            assert kind in own | {"green", "red"}, f"{name} of frame {t} is {found[name]}"


def test_keypoints_sit_on_the_middle_of_the_arm() -> None:
    """The pixels of an arm held clear of the body lie evenly on both sides of the line through its joints."""
    pose = Pose(1, ArmPose(120, 0, 150, 0), REST)
    offsets = []
    for shift in ((0.0, 0.0), (0.25, 0.5), (0.5, -0.25), (0.75, 0.75), (-0.3, 0.1)):
        motion = _at_the_pose(Gesture("test", "", lead=(pose,)), replace(PLAIN, shift=shift))
        frame = list(draw_frames(BodySubject(BUILD, PAINTED, STYLE), motion, DAYLIGHT))[-1]
        green = np.argwhere((frame[..., 1] > 100) & (frame[..., 0] == 0) & (frame[..., 2] == 0))[:, ::-1]
        elbow, wrist = joint(motion, "right_elbow")[-1, :2], joint(motion, "right_wrist")[-1, :2]
        along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
        at = (green - elbow) @ along
        side = (green - elbow) @ np.array([-along[1], along[0]])
        middle = side[(at > 6) & (at < 20)]
        assert np.abs(middle).max() < 0.5 * BUILD.thickness + 2.5
        offsets.append(middle.mean())
        # The forearm ends at the wrist, up to its round end.
        assert 0 < at[np.abs(side) < 2].max() - 26 < 0.5 * BUILD.thickness + 2
    assert abs(np.mean(offsets)) < 0.3


def test_the_head_is_drawn_where_its_keypoint_is() -> None:
    centres = []
    for shift in ((0.0, 0.0), (0.5, 0.5), (0.25, -0.75), (-0.4, 0.3)):
        motion = perform(GESTURES[0], BUILD, replace(PLAIN, shift=shift), 2)
        frame = next(draw_frames(BodySubject(BUILD, replace(PAINTED, hair=RED), STYLE), motion, DAYLIGHT))
        red = np.argwhere((frame == RED).all(axis=-1))[:, ::-1]
        head = red[red[:, 1] < 79.5 - 10]
        centres.append((head[:, 0].min() + head[:, 0].max()) / 2 - joint(motion, "head")[0, 0])
    assert abs(np.mean(centres)) < 0.3
    assert np.abs(centres).max() <= 0.75


def test_the_file(small_file: Path) -> None:
    contents = check(small_file, content=True)
    info = contents.info
    assert (info.name, info.origin) == ("natops", "procedural")
    assert info.class_names == ("I Have Command", "All Clear", "Spread Wings")
    assert info.keypoint_names == KEYPOINT_NAMES
    assert [(info.keypoint_names[a], info.keypoint_names[b]) for a, b in info.pairs] == [
        ("left_shoulder", "right_shoulder"),
        ("left_elbow", "right_elbow"),
        ("left_wrist", "right_wrist"),
    ]
    assert info.generator == NATOPS.recipe(clips=60, size=16, frames=8, classes=3, seed=0)
    assert contents.keypoints_valid.all()
    assert contents.source_clip.tolist() == list(range(60))
    # In the crop the left shoulder is to the right, and stays so when resized.
    assert (contents.keypoints[..., 3, 0] > contents.keypoints[..., 4, 0]).all()


def test_the_clips_of_this_generator_version(small_file: Path) -> None:
    """Whoever changes what is drawn has to raise `NATOPS.version`: files that are cached are told by it."""
    known = {4: "3213f7c1be903aee0515da1adbc70d0af5a16a3e4b23b3ef585aa59ca610c5b7"}
    assert check(small_file).info.fingerprint == known[NATOPS.version]


def test_the_file_holds_the_clips(small_file: Path) -> None:
    clips = load_clips(small_file, size=16, frames=8)
    for i in (0, 31, 59):
        made = make_clip(i, size=16, frames=8, classes=3, seed=0)
        np.testing.assert_array_equal(clips.frames[i], made.frames)
        np.testing.assert_array_equal(clips.keypoints[i], made.keypoints)
        assert (clips.label[i], clips.subject[i]) == (made.label, made.subject)


def test_workers_change_nothing(tmp_path: Path) -> None:
    def made(workers: int) -> str:
        seen = []

        def progress(done: int, total: int, note: str = "", /) -> None:
            seen.append((done, total))

        path = tmp_path / f"{workers}.h5"
        NATOPS.synthesize(path, clips=40, size=16, frames=8, classes=None, seed=5, workers=workers, progress=progress)
        assert seen == [(i, 40) for i in range(1, 41)]
        return check(path, content=True).info.fingerprint

    assert made(1) == made(2)


def test_a_worker_that_dies_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(UserError, match="a worker process died"):
        NATOPS.synthesize(tmp_path / "a.h5", clips=40, size=16, frames=8, classes=3, workers=2)
    assert list(tmp_path.iterdir()) == []


@needs_proc
def test_a_killed_parent_leaves_no_worker_and_no_file(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\n"
        "from amc.standins.registry import NATOPS\n"
        f"path = Path({str(tmp_path / 'a.h5')!r})\n"
        "NATOPS.synthesize(path, clips=100_000, size=64, frames=32, classes=None, workers=2)\n"
    )
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(root)})
    partial = tmp_path / ".a.h5.partial"
    try:
        # Under way: frames are written as they come.
        wait_for(lambda: partial.is_file() and partial.stat().st_size > 200_000)
        workers = children(process.pid)
    finally:
        process.kill()
        process.wait()
    assert len(workers) == 2
    wait_for(lambda: not any(alive(pid) for pid in workers))
    assert not (tmp_path / "a.h5").exists()


def test_a_script_without_a_main_guard_may_make_a_stand_in(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from amc.standins.registry import NATOPS\n"
        f"NATOPS.synthesize({str(tmp_path / 'a.h5')!r}, clips=20, size=16, frames=8, classes=3, workers=2)\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, script], check=True, timeout=60, env=os.environ | {"PYTHONPATH": str(root)})
    assert check(tmp_path / "a.h5", content=True).shape[0] == 20


def test_the_seed_changes_subjects_and_repetitions() -> None:
    one, other = (make_clip(0, size=32, frames=8, classes=3, seed=seed) for seed in (0, 1))
    assert (one.frames != other.frames).mean() > 0.5


@pytest.mark.parametrize(
    "wrong",
    [
        {"clips": 0},
        {"size": 0},
        {"size": 181},
        {"frames": 7},
        {"classes": 1},
        {"classes": 25},
        {"subjects": 0},
        {"seed": -1},
    ],
)
def test_sizes_that_make_no_data_set(tmp_path: Path, wrong: dict[str, int]) -> None:
    right = {"clips": 4, "size": 16, "frames": 8, "classes": 3, "seed": 0}
    with pytest.raises(UserError):
        NATOPS.synthesize(tmp_path / "a.h5", **(right | wrong))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_the_neutral_pose_is_the_same_for_both_arms() -> None:
    assert NEUTRAL.left == NEUTRAL.right == REST


def test_fewer_gestures_leave_out_the_one_that_only_a_thumb_tells() -> None:
    names = [[GESTURE_NAMES[i] for i in chosen_gestures(classes)] for classes in (3, 23, 24)]
    assert names[0] == ["I Have Command", "All Clear", "Spread Wings"]
    assert set(GESTURE_NAMES) - set(names[1]) == {"Not Clear"}
    assert names[2] == list(GESTURE_NAMES)
