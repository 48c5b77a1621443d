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
from amc.standins.body.gestures import GESTURES, NEUTRAL, REST, ArmPose, Gesture, Pose
from amc.standins.body.kinematics import CAMERA, CROP, Build, Motion, Variation, angles_at, perform
from amc.standins.body.render import Scene, draw_frames
from amc.standins.body.subjects import BodyLook, BodySubject, subject
from amc.standins.registry import NATOPS
from tests.importing.running import alive, children, needs_proc, wait_for

STILL = np.zeros((8, 3))
PLAIN = Variation(
    shift=(0.0, 0.0),
    speed=1.0,
    delay=0.0,
    rhythm=0.0,
    amplitude=(1.0, 1.0),
    lag=0.0,
    offset=np.zeros(8),
    wobble=STILL,
    sway=STILL[:2],
)
BUILD = Build(shoulder=20, upper_arm=30, forearm=26, neck=24, head=12, chest=10, trunk=40, thickness=12)
DAYLIGHT = Scene(view=(0, 0), light=(1.0, 1.0, 1.0))
# Colours that nothing else has, nor their darker shades.
RED, GREEN, BLUE, WHITE = (200, 0, 0), (0, 200, 0), (0, 0, 200), (255, 255, 255)
PAINTED = BodyLook(
    skin=RED,
    hair=(200, 0, 200),
    vest=BLUE,
    sleeve=GREEN,
    trousers=(0, 200, 200),
    stripe=False,
    background=np.full((CROP + 24, CROP + 24, 3), 255, np.uint8),
)


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
    gesture = Gesture("test", "", lead=(up,), loop=(down, up), times=1)
    # 1 + (3 + 1) parts: up at 1/5, down at 4/5, up again at 5/5.
    angles = angles_at(gesture, np.array([0, 0.2, 0.8, 1.0]))
    np.testing.assert_allclose(angles[:, 0], [REST.upper, 100, 50, 100])
    np.testing.assert_allclose(angles[:, 4:], np.tile([REST.upper, 0, REST.fore, REST.fore_toward], (4, 1)), atol=1e-12)
    between = angles_at(gesture, np.linspace(0.2, 0.8, 50))[:, 0]
    assert (np.diff(between) <= 1e-12).all()


def test_a_straight_arm_by_hand() -> None:
    spread = Pose(1, ArmPose(90, 0, 90, 0), ArmPose(90, 0, 180, 0))
    motion = perform(Gesture("test", "", lead=(spread,)), BUILD, PLAIN, 5)
    assert joint(motion, "chest")[-1].tolist() == [89.5, 89.5, 0]
    assert joint(motion, "head")[-1].tolist() == [89.5, 89.5 - 10 - 24, 0]
    assert joint(motion, "navel")[-1].tolist() == [89.5, 89.5 - 10 + 40, 0]
    # The subject's right is on the left of the picture.
    np.testing.assert_allclose(joint(motion, "right_shoulder")[-1, :2], [69.5, 79.5], atol=1e-3)
    np.testing.assert_allclose(joint(motion, "right_elbow")[-1, :2], [39.5, 79.5], atol=1e-3)
    np.testing.assert_allclose(joint(motion, "right_wrist")[-1, :2], [13.5, 79.5], atol=1e-3)
    np.testing.assert_allclose(joint(motion, "left_elbow")[-1, :2], [139.5, 79.5], atol=1e-3)
    np.testing.assert_allclose(joint(motion, "left_wrist")[-1, :2], [139.5, 53.5], atol=1e-3)


def test_an_arm_towards_the_camera_appears_larger() -> None:
    forward = Pose(1, ArmPose(90, 60, 90, 60), REST)
    motion = perform(Gesture("test", "", lead=(forward,)), BUILD, PLAIN, 3)
    depth, reach = 30 * np.sin(np.pi / 3), 20 + 30 * 0.5
    factor = CAMERA / (CAMERA - depth)
    expected = [89.5 - reach * factor, 89.5 - 10 * factor, depth]
    np.testing.assert_allclose(joint(motion, "right_elbow")[-1], expected, atol=1e-3)


def test_turn_left_is_turn_right_mirrored() -> None:
    left, right = (perform(GESTURES[i], BUILD, PLAIN, 12).joints for i in (12, 13))
    swapped = list(range(9))
    for one, other in PAIRS:
        swapped[one], swapped[other] = other, one
    mirrored = right[:, swapped]
    mirrored[..., 0] = CROP - 1 - mirrored[..., 0]
    np.testing.assert_allclose(left, mirrored, atol=2e-3)


@given(clips=st.integers(1, 700), classes=st.integers(2, 24))
@settings(max_examples=60, deadline=None)
def test_any_number_of_clips_is_balanced(clips: int, classes: int) -> None:
    rows = [design(i, classes) for i in range(clips)]
    for column, kinds in ((0, classes), (1, 20)):
        counts = Counter(row[column] for row in rows)
        assert max(counts.values()) - min(counts.get(kind, 0) for kind in range(kinds)) <= 1


@pytest.mark.parametrize("classes", [2, 3, 6, 7, 24])
def test_every_subject_performs_every_class(classes: int) -> None:
    rows = [design(i, classes) for i in range(40 * classes)]
    assert len(set(rows[: 20 * classes])) == 20 * classes
    assert rows[: 20 * classes] == rows[20 * classes :]


@pytest.mark.parametrize("index", [0, 7, 300])
def test_the_first_frame_is_the_same_whatever_the_class(index: int) -> None:
    made = [make_clip(index, size=64, frames=6, classes=24, seed=1, label=label) for label in range(24)]
    for other in made[1:]:
        np.testing.assert_array_equal(made[0].frames[0], other.frames[0])
        np.testing.assert_array_equal(made[0].keypoints[0], other.keypoints[0])
    # And every other frame is not.
    assert len({clip.frames[5].tobytes() for clip in made}) == 24


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
    varied = draw_repetition(3, 0).variation
    fine, coarse = (perform(GESTURES[3], BUILD, varied, frames).joints for frames in (31, 16))
    np.testing.assert_allclose(fine[::2], coarse, atol=2e-3)


@pytest.mark.parametrize("label", range(24), ids=lambda i: GESTURES[i].name)
def test_motion_is_under_way_by_the_fifth_frame_and_lasts(label: int) -> None:
    for index in range(0, 60, 17):
        who, varied = subject(index % 20, 0), draw_repetition(index, 0).variation
        arms = perform(GESTURES[label], who.build, varied, 32).joints[:, 5:, :2]
        assert np.linalg.norm(arms[4] - arms[0], axis=-1).max() > 8
        for start in range(0, 32, 8):
            path = np.linalg.norm(np.diff(arms[start : start + 9], axis=0), axis=-1).sum(axis=0)
            assert path.max() > 4, f"no motion from frame {start}"


def test_arms_are_large_in_the_frame_and_joints_stay_inside() -> None:
    builds = [subject(s, 0).build for s in range(20)]
    points = np.stack(
        [
            perform(GESTURES[i % 24], builds[i % 20], draw_repetition(i, 0).variation, 16).joints[..., :2]
            for i in range(480)
        ]
    )
    assert points.min() >= 0
    assert points.max() <= CROP - 1
    spread = points[3::24, -1]
    width = spread[:, KEYPOINT_NAMES.index("left_wrist"), 0] - spread[:, KEYPOINT_NAMES.index("right_wrist"), 0]
    assert width.min() > 0.7 * CROP


def test_motion_tells_the_24_classes_apart() -> None:
    """Nearest class mean of the joints' paths over the last 28 frames, for subjects left out of the means."""
    who = [subject(s, 0) for s in range(20)]

    def path(label: int, index: int) -> np.ndarray:
        joints = perform(GESTURES[label], who[index % 20].build, draw_repetition(index, 0).variation, 32).joints[
            4:, :, :2
        ]
        return (joints - joints[:, 1:2]).ravel()

    means = np.stack(
        [np.mean([path(c, 24 * i + c) for i in range(0, 40) if (24 * i + c) % 20 < 14], axis=0) for c in range(24)]
    )
    held_out = [(c, path(c, 24 * i + c)) for c in range(24) for i in range(40, 80) if (24 * i + c) % 20 >= 14]
    right = sum(int(np.linalg.norm(means - found, axis=1).argmin() == c) for c, found in held_out)
    assert len(held_out) > 200
    assert right / len(held_out) > 0.97


def colour_at(frame: np.ndarray, point: np.ndarray) -> tuple[int, ...]:
    x, y = np.rint(point[:2]).astype(int)
    return tuple(int(v) for v in frame[y, x])


@pytest.mark.parametrize("label", range(24), ids=lambda i: GESTURES[i].name)
def test_keypoints_sit_on_the_body_parts(label: int) -> None:
    motion = perform(GESTURES[label], BUILD, replace(PLAIN, shift=(3.3, -2.4)), 16)
    frames = np.stack(list(draw_frames(BodySubject(BUILD, PAINTED), motion, DAYLIGHT)))
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
        motion = perform(Gesture("test", "", lead=(pose,)), BUILD, replace(PLAIN, shift=shift), 2)
        frame = list(draw_frames(BodySubject(BUILD, PAINTED), motion, DAYLIGHT))[-1]
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
        frame = next(draw_frames(BodySubject(BUILD, replace(PAINTED, hair=RED)), motion, DAYLIGHT))
        red = np.argwhere((frame == RED).all(axis=-1))[:, ::-1]
        head = red[red[:, 1] < 79.5 - 10]
        centres.append((head[:, 0].min() + head[:, 0].max()) / 2 - joint(motion, "head")[0, 0])
    assert abs(np.mean(centres)) < 0.3
    assert np.abs(centres).max() <= 0.75


def test_the_file(small_file: Path) -> None:
    contents = check(small_file, content=True)
    info = contents.info
    assert (info.name, info.origin) == ("natops", "procedural")
    assert info.class_names == ("I Have Command", "All Clear", "Not Clear")
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
    known = {1: "a82d0724de3a93270172747abcf249eaa1d7dea50d495bedbcaa9bcd5f893ca9"}
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
        NATOPS.synthesize(path, clips=40, size=16, frames=6, classes=None, seed=5, workers=workers, progress=progress)
        assert seen == [(i, 40) for i in range(1, 41)]
        return check(path, content=True).info.fingerprint

    assert made(1) == made(2)


def test_a_worker_that_dies_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(UserError, match="a worker process died"):
        NATOPS.synthesize(tmp_path / "a.h5", clips=40, size=16, frames=4, classes=3, workers=2)
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
        f"NATOPS.synthesize({str(tmp_path / 'a.h5')!r}, clips=20, size=16, frames=4, classes=3, workers=2)\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, script], check=True, timeout=60, env=os.environ | {"PYTHONPATH": str(root)})
    assert check(tmp_path / "a.h5", content=True).shape[0] == 20


def test_the_seed_changes_subjects_and_repetitions() -> None:
    one, other = (make_clip(0, size=32, frames=4, classes=3, seed=seed) for seed in (0, 1))
    assert (one.frames != other.frames).mean() > 0.5


@pytest.mark.parametrize(
    "wrong", [{"clips": 0}, {"size": 0}, {"size": 181}, {"frames": 1}, {"classes": 1}, {"classes": 25}, {"seed": -1}]
)
def test_sizes_that_make_no_data_set(tmp_path: Path, wrong: dict[str, int]) -> None:
    right = {"clips": 4, "size": 16, "frames": 4, "classes": 3, "seed": 0}
    with pytest.raises(UserError):
        NATOPS.synthesize(tmp_path / "a.h5", **(right | wrong))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_the_neutral_pose_is_the_same_for_both_arms() -> None:
    assert NEUTRAL.left == NEUTRAL.right == REST
