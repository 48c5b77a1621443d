"""The estimator's side that is ours: how it is found, what is said to it, what is kept. A fake one stands in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from amc.data.datasets.natops import KEYPOINT_NAMES, PAIRS
from amc.errors import UserError
from amc.importing.keypoints.table import VideoKeypoints, left_right_pairs
from amc.importing.pose import estimator as pose_estimator
from amc.importing.pose import mediapipe_worker
from amc.importing.pose.estimator import InputGeometry, PoseEstimator, estimate_video, find_interpreter
from amc.importing.video.decoding import VideoFacts, examine
from tests.importing.made_videos import FAKE_WORKER, fake_interpreter, moving_square, write_video

GREETING = 'import json, sys\nprint(json.dumps({"protocol": 1, "estimator": "x", "keypoints": ["a"]}), flush=True)\n'


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AMC_POSE_PYTHON", raising=False)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "videos" / "v.avi", moving_square(8))


def _facts(path: Path) -> VideoFacts:
    facts = examine(path)
    assert isinstance(facts, VideoFacts)
    return facts


def _fake(tmp_path: Path, body: str = FAKE_WORKER) -> Path:
    return fake_interpreter(tmp_path / "python", body)


def test_small_frames_are_enlarged_and_points_come_back() -> None:
    geometry = InputGeometry.of(48, 64)
    assert geometry.enlarged == (256, 341)
    assert geometry.border == (64, 85)
    assert geometry.shape == (384, 511)
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[20, 30] = 255
    picture = geometry.apply(frame)
    assert picture.shape == (384, 511, 3)
    rows, columns = np.nonzero(picture[..., 0] > 200)
    np.testing.assert_allclose(geometry.to_source(np.array([columns.mean(), rows.mean()])), [30, 20], atol=0.15)
    # The corner of the frame's top-left pixel is the corner of the enlarged one's.
    np.testing.assert_allclose(geometry.to_source(np.array([85 - 0.5, 64 - 0.5])), [-0.5, -0.5])


def test_large_frames_keep_their_pixels_and_the_border_repeats_the_edge() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (256, 300, 3), dtype=np.uint8)
    picture = InputGeometry.of(256, 300).apply(frame)
    np.testing.assert_array_equal(picture[64:-64, 75:-75], frame)
    np.testing.assert_array_equal(picture[:64, 75:-75], np.broadcast_to(frame[:1], (64, 300, 3)))


def test_a_videos_keypoints(tmp_path: Path, video: Path) -> None:
    done: list[int] = []
    with PoseEstimator(_fake(tmp_path)) as estimator:
        rows = estimate_video(estimator, video, _facts(video), done.append)
        assert estimator.names == ("middle", "left_hand", "right_hand")
    assert done == list(range(1, 9))
    assert rows.frame.tolist() == [0, 1, 3, 4, 5, 6, 7]  # nobody in frame 2
    np.testing.assert_allclose(rows.points[:, 0], [[31.5, 23.5]] * 7, atol=1e-9)
    # Visibility is 1 - 0.13 i; below 0.3 not even a point that the mirror image confirms is valid.
    assert np.isnan(rows.points[:, 1, 0]).tolist() == [False] * 5 + [True] * 2
    np.testing.assert_allclose(rows.points[0, 1, 0], 31.5 + 511 / 6 * 64 / 341)
    np.testing.assert_allclose(rows.confidence[0], (1 + 1 + 0.9) / 3)


def test_kept_under_the_videos_content(tmp_path: Path, video: Path) -> None:
    twin = video.with_name("twin.avi")
    twin.write_bytes(video.read_bytes())
    done: list[int] = []
    with PoseEstimator(_fake(tmp_path)) as estimator:
        first = estimate_video(estimator, video, _facts(video))
        second = estimate_video(estimator, twin, _facts(twin), done.append)
        assert not done
        _assert_equal(first, second)
        (table,) = (tmp_path / "cache" / "pose").glob("*.csv")
        table.write_text("damaged")
        _assert_equal(first, estimate_video(estimator, video, _facts(video), done.append))
        assert len(done) == 8
    with PoseEstimator(_fake(tmp_path, FAKE_WORKER.replace("fake 1", "fake 2"))) as other:
        estimate_video(other, video, _facts(video))
    assert len(list((tmp_path / "cache" / "pose").glob("*.csv"))) == 2


def test_a_video_without_anybody(tmp_path: Path, video: Path) -> None:
    nobody = FAKE_WORKER.replace("None if i == 2 else points", "None")
    with PoseEstimator(_fake(tmp_path, nobody)) as estimator:
        for _ in range(2):
            rows = estimate_video(estimator, video, _facts(video))
            assert rows.points.shape == (0, 3, 2)
            assert np.isnan(rows.over(8)).all()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise SystemExit('No module named mediapipe')", "exited: No module named mediapipe"),
        ("", "exited: exit code 0"),
        ("print('hello')", "is not JSON"),
        ("print('[1]')", "not a pose estimator with protocol 1"),
        ('print(\'{"protocol": 2, "estimator": "x", "keypoints": ["a"]}\')', "not a pose estimator with protocol 1"),
        ('print(\'{"protocol": 1, "estimator": "x", "keypoints": []}\')', "not a pose estimator with protocol 1"),
        (
            'print(\'{"protocol": 1, "estimator": "x", "keypoints": ["a", "a"]}\')',
            "not a pose estimator with protocol 1",
        ),
    ],
)
def test_no_estimator_after_all(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(UserError, match=said), PoseEstimator(_fake(tmp_path, body)):
        pytest.fail("it never greeted")


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("raise MemoryError('too big')", "exited: MemoryError: too big"),
        ("sys.stdin.buffer.readline(); sys.exit(3)", "exited: exit code 3"),
        ("print('[[1, 2]]', flush=True); sys.stdin.buffer.read()", "not a list of points"),
        ("print('[[1, 2, \"x\"]]', flush=True); sys.stdin.buffer.read()", "not a list of points"),
        ("print('[[1, 2, NaN]]', flush=True); sys.stdin.buffer.read()", "not a list of points"),
        ("print('{}', flush=True); sys.stdin.buffer.read()", "not a list of points"),
    ],
)
def test_estimator_that_goes_wrong(tmp_path: Path, video: Path, rest: str, said: str) -> None:
    with pytest.raises(UserError, match=said), PoseEstimator(_fake(tmp_path, GREETING + rest)) as estimator:
        estimate_video(estimator, video, _facts(video))
    assert not list((tmp_path / "cache").glob("pose/*"))


def test_video_that_changes_on_the_way(tmp_path: Path, video: Path) -> None:
    for facts in (VideoFacts(9, 48, 64), VideoFacts(7, 48, 64), VideoFacts(8, 64, 48)):
        with pytest.raises(UserError, match="changed while"), PoseEstimator(_fake(tmp_path)) as estimator:
            estimate_video(estimator, video, facts)


def test_finding_the_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        pose_estimator, "__file__", str(tmp_path / "elsewhere" / "amc" / "importing" / "pose" / "estimator.py")
    )
    with pytest.raises(UserError, match=r"run `make pose`.* AMC_POSE_PYTHON .*give --keypoints"):
        find_interpreter()
    made = tmp_path / ".venv-pose" / "bin" / "python"
    made.parent.mkdir(parents=True)
    made.touch()
    assert find_interpreter() == made
    monkeypatch.setenv("AMC_POSE_PYTHON", str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"AMC_POSE_PYTHON=.*none: no such file"):
        find_interpreter()
    other = _fake(tmp_path)
    monkeypatch.setenv("AMC_POSE_PYTHON", str(other))
    assert find_interpreter() == other
    other.chmod(0o644)
    with pytest.raises(UserError, match="cannot start the pose estimator"), PoseEstimator(other):
        pytest.fail("it cannot run")


def test_the_workers_joints() -> None:
    assert tuple(mediapipe_worker.JOINTS) == KEYPOINT_NAMES
    assert left_right_pairs(tuple(mediapipe_worker.JOINTS)) == PAIRS
    assert all(sum(weights.values()) == 1 for weights in mediapipe_worker.JOINTS.values())
    assert mediapipe_worker.PROTOCOL == pose_estimator.PROTOCOL
    at = {0: (0.5, 0.1, 1.0), 7: (0.6, 0.1, 1.0), 8: (0.4, 0.1, 0.2), 11: (0.7, 0.3, 1.0), 12: (0.3, 0.3, 1.0)}
    at |= {13: (0.8, 0.5, 0.9), 14: (0.2, 0.5, 0.9), 15: (0.9, 0.6, 0.8), 16: (0.1, 0.6, 0.1)}
    at |= {23: (0.6, 0.7, 0.5), 24: (0.4, 0.7, 0.5)}
    landmarks = {i: SimpleNamespace(x=x, y=y, visibility=v) for i, (x, y, v) in at.items()}
    found = dict(zip(mediapipe_worker.JOINTS, mediapipe_worker.joints(landmarks, height=100, width=200), strict=True))
    assert found["head"] == pytest.approx([99.5, 9.5, 0.8])
    assert found["chest"] == pytest.approx([99.5, 39.5, 0.875])  # a quarter of the way from 0.3 to 0.7
    assert found["navel"] == pytest.approx([99.5, 59.5, 0.625])
    assert found["left_wrist"] == pytest.approx([179.5, 59.5, 0.8])


def test_the_worker_imports_nothing_of_the_project() -> None:
    """It runs where the project is not installed; its libraries are loaded only when it serves."""
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); print(sorted({m.split('.')[0] for m in sys.modules}))"
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(pose_estimator.WORKER)], capture_output=True, text=True, check=True
    )
    assert not {"amc", "numpy", "mediapipe"} & set(json.loads(run.stdout.replace("'", '"')))


@pytest.mark.slow
def test_the_real_estimator_answers(tmp_path: Path, video: Path) -> None:
    """Needs the estimator's environment, named by AMC_TEST_POSE_PYTHON."""
    interpreter = os.environ.get("AMC_TEST_POSE_PYTHON")
    if not interpreter:
        pytest.skip("AMC_TEST_POSE_PYTHON names no estimator")
    with PoseEstimator(Path(interpreter)) as estimator:
        assert estimator.names == KEYPOINT_NAMES
        assert estimator.identity.startswith("mediapipe 0.10.21 ")
        # A square is nobody.
        assert len(estimate_video(estimator, video, _facts(video)).frame) == 0


def _assert_equal(one: VideoKeypoints, other: VideoKeypoints) -> None:
    for attribute in ("frame", "points", "confidence"):
        np.testing.assert_array_equal(getattr(one, attribute), getattr(other, attribute))
