"""`prepare natops` from its command line: the clips, the summary, and that nothing is left behind."""

from __future__ import annotations

import shutil
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from amc.cli.data import main
from amc.data.clipfile import Contents, check, open_clips
from amc.data.datasets.natops import KEYPOINT_NAMES, PAIRS
from amc.data.procedural_marker import MARKER
from amc.importing.keypoints.csv_file import write_table
from amc.importing.keypoints.table import KeypointTable, VideoKeypoints
from tests.importing.made_videos import FAKE_WORKER, fake_interpreter, lossless
from tests.importing.natops.made_natops import CHEST, FRAMES, SIDE, film_name, joints, natops, pictures, points

SMALL = ("--frames", "8", "--size", str(SIDE), "--workers", "1")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return natops(Path(tmp_path_factory.mktemp("natops")) / "natops")


@pytest.fixture
def root(_made: Path, tmp_path: Path) -> Path:
    shutil.copy(_made.with_name("joints.csv"), tmp_path / "joints.csv")
    return Path(shutil.copytree(_made, tmp_path / "natops"))


def _prepare(root: Path, out: Path, *more: str) -> int:
    table = ("--keypoints", str(root.with_name("joints.csv")))
    return main(["prepare", "natops", str(root), "--out", str(out), *SMALL, *table, *more])


def _prepared(root: Path, *more: str, name: str = "out.h5") -> Contents:
    out = root.with_name(name)
    assert _prepare(root, out, *more) == 0
    return check(out, content=True)


def _refused(capsys: pytest.CaptureFixture[str], root: Path, *more: str) -> str:
    out = root.with_name("refused.h5")
    capsys.readouterr()
    assert _prepare(root, out, *more) == 2
    assert not list(out.parent.glob("*refused.h5*"))
    said = capsys.readouterr()
    assert not said.out
    (line,) = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert said.err.splitlines()[-1] == line
    return line


def test_the_whole_thing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents = _prepared(root)
    info = contents.info
    assert (info.name, info.origin) == ("natops", "natops")
    assert info.class_names == ("I Have Command", "All Clear")
    assert (info.keypoint_names, info.pairs) == (KEYPOINT_NAMES, PAIRS)
    assert contents.shape == (80, 8, SIDE, SIDE)
    assert contents.label.tolist() == [0] * 40 + [1] * 40
    assert contents.subject.tolist() == ([1] * 20 + [2] * 20) * 2
    assert len(set(contents.source_clip.tolist())) == 80
    # The chest is at (30, 20), so the crop of 36 begins at (13, 3) and nothing is resized: exact pixels.
    with open_clips(root.with_name("out.h5")) as (_, frames):
        for i, repetition in ((0, 1), (19, 20), (45, 6)):
            first = 2 + 12 * (repetition - 1)
            expected = pictures(FRAMES)[first : first + 8, 3:39, 13:49]
            np.testing.assert_array_equal(frames[i], expected)
    moved = points()[2:10] - (13, 3)
    np.testing.assert_allclose(contents.keypoints[0], moved, atol=1e-5)
    assert contents.keypoints_valid.all()
    said = capsys.readouterr().out
    assert "80 clips of 8 frames, 36x36 px, from 4 videos; 2 classes, 2 subjects" in said
    assert "the crop is 180/240 of the height" in said
    assert "problems" not in said


def test_resized_and_over_the_edge(root: Path) -> None:
    at = points(chest=(2.0, 45.0))
    joints(root.with_name("joints.csv"), [film_name(g, s) for g in (1, 2) for s in (1, 2)], at)
    contents = _prepared(root, "--size", "12")
    assert contents.shape == (80, 8, 12, 12)
    with open_clips(root.with_name("out.h5")) as (_, frames):
        clip = frames[0].astype(int)
    # The crop begins at (2 - 17.5, 45 - 17.5) = (-15, 28), rounded up, and a pixel is the mean of three each way.
    columns = np.clip(np.arange(-15, 21), 0, 63).reshape(12, 3).mean(axis=1)
    rows = np.clip(np.arange(28, 64), 0, 47).reshape(12, 3).mean(axis=1)
    np.testing.assert_array_equal(clip[0, :, :, 1], np.tile(np.floor(columns + 0.5), (12, 1)))
    np.testing.assert_array_equal(clip[0, :, :, 2], np.tile(np.floor(rows + 0.5)[:, None], (1, 12)))
    np.testing.assert_array_equal(clip[:, 0, 0, 0], np.arange(2, 10))


def test_frames_by_stride_and_evenly(root: Path) -> None:
    _prepared(root, "--frames", "4", "--stride", "3")
    with open_clips(root.with_name("out.h5")) as (_, frames):
        assert frames[1][:, 0, 0, 0].tolist() == [14, 17, 20, 23]
    _prepared(root, "--frames", "5", "--long-clips", "even")
    with open_clips(root.with_name("out.h5")) as (_, frames):
        # 0, 2.25, 4.5, 6.75, 9 after the first.
        assert frames[1][:, 0, 0, 0].tolist() == [14, 16, 19, 21, 23]


def test_every_problem_is_named_in_one_summary(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (root / "segmentation.txt").read_text()
    # Of subject 1, gesture 1: repetition 2 is missing, 3 is short, 20 ends past the end, 5 makes no sense.
    head, tail = text.split("1,2,20", 1)
    head = head.replace("2:15,24\n", "").replace("3:27,36", "3:27,33").replace("20:231,240", "20:236,260")
    head = head.replace("5:51,60", "5:60,51")
    (root / "segmentation.txt").write_text(f"{head}1,2,20{tail}")
    whole = (root / film_name(2, 2)).read_bytes()
    (root / film_name(2, 2)).write_bytes(whole[: len(whole) * 2 // 3])
    lossless(root / "data" / "gesture03" / "g03s09.avi", pictures(20))
    (root / "data" / "gesture01" / "g01s01.avi").rename(root / "data" / "gesture01" / "G01S01.AVI")
    (root / "data" / "gesture01" / "g01s01m.avi").write_bytes(b"mask")
    (root / "data" / "cat.avi").write_bytes(b"cat")
    joints(root.with_name("joints.csv"), [film_name(1, 1), film_name(2, 1), film_name(2, 2), "x/g09s09.avi"])
    contents = _prepared(root)
    assert contents.shape[0] == 16 + 20  # of gesture 1, subject 1, and of gesture 2, subject 1
    assert contents.subject.tolist() == [1] * 36
    said = capsys.readouterr().out
    assert "dropped 1 segments with fewer than 8 frames" in said
    assert "ignored 1 mask and depth videos" in said
    for problem in (
        "data/cat.avi: the name is not gXXsYY.avi",
        "segmentation.txt, line 6: starts at frame 60 and ends at 51",
        "segmentation.txt, line 2: subject 1, gesture 1: repetition 2, 5 is missing",
        "data/gesture03/g03s09.avi: segmentation.txt has no usable segment of this video",
        "joints.csv: 1 of its videos are not in the folder: x/g09s09.avi",
        "data/gesture01/g01s02.avi: the keypoint table has no rows for this video",
        "data/gesture02/g02s02.avi: ",  # truncated, or cannot be decoded
        "data/gesture01/G01S01.AVI, repetition 20: ends at frame 260 of a video of 242",
    ):
        assert problem in said
    assert "1 not a video of NATOPS" in said


def test_uneven_frame_times_are_noted_and_frames_counted_as_stored(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stamps = [50 * i + (400 if i > 100 else 0) for i in range(FRAMES)]  # eight frames seem to be missing
    video = root / film_name(1, 1)
    lossless(video.with_suffix(".mkv"), pictures(), stamps=stamps).rename(video)
    _prepared(root)
    assert f"{film_name(1, 1)}: uneven frame times: every stored frame counts" in capsys.readouterr().out
    with open_clips(root.with_name("out.h5")) as (_, frames):
        assert frames[19][:, 0, 0, 0].tolist() == list(range(230, 238))


def test_gestures_and_subjects_without_a_video(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = "// Subject 3\n3,1,20\n1:1,9\n3,7,20\n1:1,9\n4,1,20\n1:1,9\n"
    with (root / "segmentation.txt").open("a") as stream:
        stream.write(more)
    _prepared(root)
    said = capsys.readouterr().out
    assert "no video of these gestures: 7 (Up Hook)" in said
    assert "gesture 1: no video of subject 3-4, but segments in segmentation.txt" in said


def test_fewer_than_two_classes_and_strict_leave_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "data" / "cat.avi").write_bytes(b"cat")
    line = _refused(capsys, root, "--strict")
    assert "data/cat.avi: the name is not gXXsYY.avi" in line
    for subject in (1, 2):
        (root / film_name(2, subject)).write_bytes(b"no video")
    line = _refused(capsys, root)
    assert "only the class 'I Have Command' has a usable clip, but at least two classes are needed" in line
    assert "there is no usable clip" in _refused(capsys, root, "--frames", "11")


def test_strict_has_nothing_against_short_segments(root: Path) -> None:
    text = (root / "segmentation.txt").read_text()
    (root / "segmentation.txt").write_text(text.replace("2:15,24\n", "2:15,21\n"))
    assert _prepared(root, "--strict").shape[0] == 76


def test_archives_workers_and_what_lies_about_change_nothing(root: Path) -> None:
    expected = _prepared(root).info.fingerprint
    assert _prepared(root, "--workers", "2").info.fingerprint == expected
    for gesture in (1, 2):
        with zipfile.ZipFile(root / f"gesture{gesture:02d}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
            for subject in (1, 2):
                packed.write(root / film_name(gesture, subject), film_name(gesture, subject))
    (root / "notes.txt").touch()
    shutil.rmtree(root / "data")
    assert _prepared(root).info.fingerprint == expected


def test_a_clip_does_not_depend_on_what_else_is_there(root: Path) -> None:
    every = _prepared(root)
    (root / film_name(1, 1)).unlink()
    fewer = _prepared(root, name="fewer.h5")
    assert fewer.source_clip.tolist() == every.source_clip.tolist()[20:]
    np.testing.assert_array_equal(fewer.keypoints, every.keypoints[20:])


def test_a_permuted_table_is_put_in_order_and_another_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = _prepared(root).info.fingerprint
    order = [4, 0, 8, 1, 5, 2, 7, 3, 6]
    videos = [film_name(g, s) for g in (1, 2) for s in (1, 2)]
    rows = VideoKeypoints(np.arange(FRAMES), points()[:, order], np.full(FRAMES, np.nan))
    table = root.with_name("joints.csv")
    write_table(table, KeypointTable(tuple(KEYPOINT_NAMES[i] for i in order), dict.fromkeys(videos, rows)))
    assert _prepared(root).info.fingerprint == expected
    names = (*KEYPOINT_NAMES[:8], "tail")
    write_table(table, KeypointTable(names, dict.fromkeys(videos, rows)))
    assert "the points must be, in any order, head, chest, navel" in _refused(capsys, root)


def test_made_videos_are_never_called_natops(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / MARKER).write_text("made\n")
    assert _prepared(root).info.origin == "procedural"
    assert "not NATOPS" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--frames", "1"), "--frames: give an integer of 2 or more"),
        (("--workers", "0"), "--workers: give an integer of 1 or more"),
        (("--stride", "2", "--long-clips", "even"), "--stride requires --long-clips first"),
        (("--name", "../x"), "--name '../x'"),
        (("--size", "37"), "has 36 pixels"),
        (("--download", "--download-from", "ftp://x"), "ftp"),
    ],
)
def test_wrong_arguments(root: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str) -> None:
    assert said in _refused(capsys, root, *arguments)


def test_no_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", "natops", "--out", str(tmp_path / "x.h5")]) == 2
    assert "no SRC" in capsys.readouterr().err


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


def test_downloaded_first(root: Path, tmp_path: Path) -> None:
    expected = _prepared(root).info.fingerprint
    archive = tmp_path / "archive"
    archive.mkdir()
    shutil.copy(root / "segmentation.txt", archive)
    for gesture in range(1, 25):
        with zipfile.ZipFile(archive / f"gesture{gesture:02d}.zip", "w") as packed:
            packed.writestr(f"gesture{gesture:02d}/readme.txt", "as distributed")
            for subject in (1, 2) if gesture < 3 else ():
                packed.write(root / film_name(gesture, subject), f"g{gesture:02d}s{subject:02d}.avi")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(archive)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    out = tmp_path / "downloaded.h5"
    arguments = ["--download", "--download-from", f"http://127.0.0.1:{server.server_port}/"]
    table = ["--keypoints", str(root.with_name("joints.csv"))]
    try:
        assert main(["prepare", "natops", "--out", str(out), *SMALL, *table, *arguments]) == 0
    finally:
        server.shutdown()
        server.server_close()
    assert check(out).info.fingerprint == expected
    assert (tmp_path / "cache" / "natops" / "gesture24.zip").is_file()


# Finds the nine joints, in an order of its own, around the middle of the picture; nobody in frame 2.
_NINE = f"""
import json, sys
names = {list(reversed(KEYPOINT_NAMES))}
side = [{{"l": 1, "r": -1}}.get(name[:name.find("_") + 1][:1], 0) for name in names]
print(json.dumps({{"protocol": 1, "estimator": "fake 1", "keypoints": names}}), flush=True)
while header := sys.stdin.buffer.readline():
    video = json.loads(header)
    h, w = video["height"], video["width"]
    for i in range(video["frames"]):
        assert len(sys.stdin.buffer.read(h * w * 3)) == h * w * 3
        points = [[(w - 1) / 2 + s * w / 8, (h - 1) / 2, 1.0] for s in side]
        print(json.dumps(None if i == 2 else points), flush=True)
"""


def test_joints_from_the_pose_estimator(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "data" / "gesture01" / "g01s02.avi").unlink()  # the others have the same content, so one is estimated
    monkeypatch.setenv("AMC_POSE_PYTHON", str(fake_interpreter(tmp_path / "python", _NINE)))
    out = root.with_name("out.h5")
    prepare = ["prepare", "natops", str(root), "--out", str(out), *SMALL]
    assert main(prepare) == 0
    contents = check(out)
    assert contents.info.generator["arguments"]["keypoints"].startswith("fake 1")
    assert contents.keypoints_valid.all()  # the frame without anybody is a gap of one
    x = contents.keypoints[0, 0, :, 0]
    np.testing.assert_allclose(x[:3], x[0], atol=1e-4)  # head, chest, navel
    assert (x[3::2] > x[0]).all()  # the subject's left
    assert (x[4::2] < x[0]).all()
    first = contents.info.fingerprint
    # From the cache, and by two workers.
    assert main([*prepare, "--workers", "2"]) == 0
    assert check(out).info.fingerprint == first


def test_other_joints_of_an_estimator_are_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMC_POSE_PYTHON", str(fake_interpreter(tmp_path / "python", FAKE_WORKER)))
    assert main(["prepare", "natops", str(root), "--out", str(tmp_path / "x.h5"), *SMALL]) == 2
    assert "its points are middle, left_hand, right_hand; the points must be" in capsys.readouterr().err


def test_the_chest_is_where_the_made_files_say() -> None:
    assert tuple(points()[0, KEYPOINT_NAMES.index("chest")]) == CHEST
