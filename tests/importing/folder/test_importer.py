"""`prepare folder` from its command line: what is written, what is said, and that nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from amc.cli.data import main
from amc.data.clipfile import Contents, check, open_clips
from amc.importing.folder import importer as folder
from amc.importing.keypoints.csv_file import write_table
from amc.importing.keypoints.table import KeypointTable, VideoKeypoints
from amc.importing.pose import estimator as pose_estimator
from tests.importing.crashing import CRASHING, examine_or_crash
from tests.importing.made_videos import (
    FAKE_WORKER,
    fake_interpreter,
    folder_of_videos,
    lossless,
    moving_square,
    write_video,
)

SHORT = ("--frames", "8", "--size", "16")


@pytest.fixture(autouse=True)
def _own_estimator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AMC_POSE_PYTHON", str(fake_interpreter(tmp_path / "python", FAKE_WORKER)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return folder_of_videos(tmp_path / "actions")


def _prepare(root: Path, out: Path, *more: str) -> int:
    return main(["prepare", "folder", str(root), "--out", str(out), *SHORT, *more])


def _refused(capsys: pytest.CaptureFixture[str], root: Path, out: Path, *more: str) -> str:
    """The error line of a command that exits with 2 and leaves nothing behind."""
    capsys.readouterr()
    assert _prepare(root, out, *more) == 2
    assert not out.exists()
    assert not list(out.parent.glob(f".{out.name}*"))
    said = capsys.readouterr()
    assert not said.out
    (line,) = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert said.err.splitlines()[-1] == line
    return line


def _table(path: Path, root: Path, frames: int = 24, leave_out: tuple[str, ...] = ()) -> Path:
    """Where the squares of `moving_square` are, as `body`, and a point that is never valid after frame 3."""
    names = sorted(f"{p.parent.name}/{p.name}" for p in root.glob("*/*.avi"))
    at = np.arange(frames)
    points = np.full((frames, 2, 2), np.nan)
    points[:, 0] = np.stack([(2 * at) % 56 + 3.5, np.full(frames, 23.5)], axis=1)
    points[:4, 1] = 5.0
    rows = VideoKeypoints(at, points, np.full(frames, np.nan))
    write_table(path, KeypointTable(("body", "tail"), {n: rows for n in names if n not in leave_out}))
    return path


def test_the_whole_thing(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out" / "clips.h5"
    assert _prepare(root, out) == 0
    contents = check(out, content=True)
    info = contents.info
    assert (info.name, info.origin) == ("actions", "folder")
    assert info.class_names == ("jump", "wave")
    assert info.keypoint_names == ("middle", "left_hand", "right_hand")
    assert info.pairs == ((1, 2),)
    assert info.generator["arguments"]["keypoints"] == "fake 1; confirmed by the mirror image"
    # 24 frames, T = 8, half a window between starts: 5 windows a video, 6 videos.
    assert contents.shape == (30, 8, 16, 16)
    assert contents.label.tolist() == [0] * 15 + [1] * 15
    assert contents.source_clip.tolist() == [s for s in range(6) for _ in range(5)]
    assert contents.subject.tolist() == [s % 3 for s in range(6) for _ in range(5)]
    # The centre of 48 x 64 is the centre of the square and of 16 x 16.
    np.testing.assert_allclose(contents.keypoints[:, :, 0], 7.5, atol=1e-5)
    # Frame 2, where nobody was found, is a gap of one; the left hand disappears for good after frame 5.
    valid = contents.keypoints_valid[:5]
    assert valid[..., [0, 2]].all()
    np.testing.assert_array_equal(valid[0, :, 1], [True] * 6 + [False] * 2)
    assert not valid[2:, :, 1].any()
    said = capsys.readouterr().out
    assert "30 clips of 8 frames, 16x16 px, from 6 videos; 2 classes, 3 known subjects" in said
    # In a video's 5 windows the left hand is valid in 6 + 2 of 40 frames: (40 + 8 + 40) of 120.
    assert ["jump", "3", "15", "73.3%"] in [line.split() for line in said.splitlines()]


def test_the_same_input_gives_the_same_file(tmp_path: Path, root: Path) -> None:
    first, second = tmp_path / "1.h5", tmp_path / "2.h5"
    assert _prepare(root, first) == 0
    (root / "jump" / "readme.txt").write_text("about")
    os.utime(root / "jump" / "performer_0.avi", (1, 1))
    assert _prepare(root, second) == 0
    assert check(first).info.fingerprint == check(second).info.fingerprint
    assert _prepare(root, second, "--stride", "2") == 0
    assert check(first).info.fingerprint != check(second).info.fingerprint


def test_frames_are_those_of_the_video(tmp_path: Path, root: Path) -> None:
    out = tmp_path / "c.h5"
    assert _prepare(root, out, "--stride", "2", "--window-step", "5", "--name", "moves") == 0
    with open_clips(out) as (contents, frames):
        assert contents.info.name == "moves"
        assert len(frames) == 6 * 2  # a span of 15 frames: starts 0 and 5
        # The square moves 2 pixels a frame, 4 a clip frame, in 48 pixels that become 16: 4/3.
        bright = frames[1].astype(float)[:, 6:10, :, 0].mean(axis=1) - 45
        centre = (bright.clip(0) * np.arange(16)).sum(axis=1) / bright.clip(0).sum(axis=1)
        # It starts at frame 5, x = 10 .. 17, so 13.5 - 8 of 48 pixels: 6 / 3 - 0.5.
        np.testing.assert_allclose(centre[:6], 1.5 + 4 / 3 * np.arange(6), atol=0.35)


def test_keypoint_table(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_POSE_PYTHON", str(tmp_path / "none"))  # not needed, so not looked for
    out = tmp_path / "c.h5"
    table = _table(tmp_path / "t.csv", root)
    assert _prepare(root, out, "--keypoints", str(table)) == 0
    contents = check(out)
    assert contents.info.keypoint_names == ("body", "tail")
    # Frame t: x = 2 t + 3.5, less 8, in 48 pixels that become 16.
    np.testing.assert_allclose(contents.keypoints[0, :, 0, 0], (2 * np.arange(8) - 4) / 3 - 0.5, atol=1e-5)
    np.testing.assert_allclose(contents.keypoints[0, :, 0, 1], 7.5, atol=1e-5)
    assert contents.keypoints_valid[0, :, 1].tolist() == [True] * 4 + [False] * 4
    assert contents.keypoints_valid[..., 0].all()
    assert _prepare(root, out, "--keypoints", str(table), "--keypoint-names", "left_x,right_x") == 0
    assert check(out).info.pairs == ((0, 1),)


@pytest.mark.parametrize("taken", ["t.csv", "actions/jump/performer_0.avi"])
def test_an_out_that_is_an_input_is_kept(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str], taken: str
) -> None:
    table = _table(tmp_path / "t.csv", root)
    before = (tmp_path / taken).read_bytes()
    assert _prepare(root, tmp_path / taken, "--keypoints", str(table)) == 2
    assert (
        f"{taken} exists and is not a clip file, so it is not replaced: give another --out" in capsys.readouterr().err
    )
    assert (tmp_path / taken).read_bytes() == before


def test_a_link_to_an_input_is_kept(tmp_path: Path, root: Path) -> None:
    table = _table(tmp_path / "t.csv", root)
    (tmp_path / "c.h5").symlink_to(table)
    assert _prepare(root, tmp_path / "c.h5", "--keypoints", str(table)) == 2
    assert (tmp_path / "c.h5").is_symlink()


def test_windows_without_keypoints_are_left_out(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.csv"
    head = "# keypoints: a\nvideo,frame,x_0,y_0\n"
    table.write_text(head + "".join(f"{c}/performer_{n}.avi,2,5,5\n" for c in ("jump", "wave") for n in range(3)))
    assert _prepare(root, tmp_path / "c.h5", "--keypoints", str(table)) == 0
    assert check(tmp_path / "c.h5").shape[0] == 6
    assert "left out 24 windows without a single valid keypoint" in capsys.readouterr().out


def test_a_video_whose_keypoints_lie_in_no_window(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Windows start at 0, 5, 10 and 15 and end before frame 23, the only one with a keypoint."""
    table = tmp_path / "t.csv"
    rows = [f"{c}/performer_{n}.avi,{23 if c == 'jump' else 2},5,5\n" for c in ("jump", "wave") for n in range(3)]
    table.write_text("# keypoints: a\nvideo,frame,x_0,y_0\n" + "".join(rows))
    line = _refused(capsys, root, tmp_path / "c.h5", "--keypoints", str(table), "--window-step", "5")
    assert "only the class 'wave'" in line
    assert "jump/performer_0.avi: no keypoints found" in line


def _spoil(root: Path) -> None:
    whole = (root / "jump" / "performer_0.avi").read_bytes()
    (root / "jump" / "cut.avi").write_bytes(whole[: len(whole) // 2])
    (root / "wave" / "text.mp4").write_text("no video")
    write_video(root / "wave" / "short.avi", moving_square(7))
    write_video(root / "wave" / "tiny.avi", moving_square(24, height=14, width=64))
    (root / "empty").mkdir()
    write_video(root / "useless" / "short.avi", moving_square(3))
    (root / "wave" / "notes.txt").touch()


def test_bad_videos_are_left_out_counted_and_named(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _spoil(root)
    out = tmp_path / "c.h5"
    assert _prepare(root, out) == 0
    assert check(out).info.class_names == ("jump", "wave")
    assert check(out).shape[0] == 30
    said = capsys.readouterr().out
    assert "left out 5 videos" in said
    assert ": ignored: .txt is not a video file extension" in said
    assert "wave/text.mp4: cannot be decoded (Invalid data found when processing input)" in said
    assert "jump/cut.avi: " in said
    assert "wave/short.avi: too short: 7 frames, at least 8" in said
    assert "wave/tiny.avi: smaller than 16 px: 64x14" in said
    assert "useless/short.avi: too short: 3 frames" in said
    assert "no subject in" not in said


def test_strict(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _prepare(root, tmp_path / "c.h5", "--strict") == 0
    _spoil(root)
    line = _refused(capsys, root, tmp_path / "d.h5", "--strict")
    assert "jump/cut.avi" in line
    assert "and 2 more" in line


def test_a_table_that_counts_frames_from_1(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.csv"
    _table(table, root, frames=25)
    table.write_text("".join(line for line in table.read_text().splitlines(keepends=True) if ",0," not in line[:40]))
    assert _prepare(root, tmp_path / "c.h5", "--keypoints", str(table)) == 0
    said = "continues to frame 24: frames must count from 0, and these seem to count from 1"
    assert f"jump/performer_0.avi: it has 24 frames, but the keypoint table {said}" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "text"), [
    ("other.csv", "# keypoints: a\nvideo,frame,x_0,y_0\nrun/other.avi,0,1,1\n"),
    ("other.csv", "scorer,DLC,DLC,DLC\nbodyparts,a,a,a\ncoords,x,y,likelihood\n0,1,1,0.9\n"),
    # Two videos have this name, in different folders.
    ("performer_0DLC.csv", "scorer,DLC,DLC,DLC\nbodyparts,a,a,a\ncoords,x,y,likelihood\n0,1,1,0.9\n"),
])  # fmt: skip
def test_a_table_of_other_videos(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    said = _refused(capsys, root, tmp_path / "c.h5", "--keypoints", str(tmp_path / name))
    assert f"{name}: has no keypoints of the folder's videos: it names '" in said
    assert "the folder has 'jump/performer_0.avi'. Name a video by its path in the folder" in said


def test_table_that_fits_only_in_part(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, table = tmp_path / "c.h5", tmp_path / "t.csv"
    _table(table, root, frames=26, leave_out=("wave/performer_1.avi",))
    with table.open("a") as stream:
        stream.write("wave/gone.avi,0,1,1,1,1,\n")
    assert _prepare(root, out, "--keypoints", str(table)) == 0
    said = capsys.readouterr().out
    assert "wave/gone.avi: the keypoint table has it, but the folder does not" in said
    assert "wave/performer_1.avi: no keypoints found" in said
    assert "jump/performer_0.avi: it has 24 frames, but the keypoint table continues to frame 25\n" in said
    assert check(out).shape[0] == 25
    said = _refused(capsys, root, tmp_path / "d.h5", "--keypoints", str(table), "--strict")
    assert "wave/performer_1.avi: no keypoints found (without --strict" in said


def test_fewer_than_two_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "c.h5"
    assert "no such folder" in _refused(capsys, tmp_path / "none", out)
    root = tmp_path / "one"
    root.mkdir()
    assert "no usable video" in _refused(capsys, root, out)
    folder_of_videos(root, classes=("wave",))
    assert "only the class 'wave' has a usable video, but at least two classes are needed" in _refused(
        capsys, root, out
    )
    write_video(root / "jump" / "short.avi", moving_square(5))
    assert "not usable: jump/short.avi: too short" in _refused(capsys, root, out)
    (root / "jump" / "text.mp4").write_text("no video")
    for n in range(3):
        (root / "wave" / f"performer_{n}.avi").write_bytes(b"")
    line = _refused(capsys, root, out)
    assert "no usable video" in line
    assert line.endswith("and 2 more")
    # Two videos in one class are no two classes; one in each of two are enough.
    write_video(root / "jump" / "a.avi", moving_square(10))
    write_video(root / "wave" / "a.avi", moving_square(10))
    assert _prepare(root, out) == 0


def test_no_estimator(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AMC_POSE_PYTHON")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        pose_estimator, "__file__", str(tmp_path / "elsewhere" / "amc" / "importing" / "pose" / "estimator.py")
    )
    line = _refused(capsys, root, tmp_path / "c.h5")
    assert "make pose" in line
    assert "--keypoints" in line


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--frames", "1"), "--frames: give an integer of 2 or more"),
        (("--size", "0"), "--size: give an integer"),
        (("--stride", "-2"), "--stride: give an integer"),
        (("--window-step", "0"), "--window-step: give an integer"),
        (("--size", "400"), "smaller than 400 px"),
        (("--name", "../x"), "--name '../x'"),
        (("--keypoints", "none.csv"), "none.csv: cannot read"),
        (("--keypoint-names", "a,b"), "--keypoint-names requires --keypoints"),
        (("--subject-pattern", "("), "is not a regular expression"),
        (("--workers", "0"), "--workers: give an integer of 1 or more"),
        (("--fps", "0"), "--fps 0: must be above 0 and at most 1000 frames"),
        (("--fps", "1e9"), "--fps 1e9: must be above 0 and at most 1000 frames"),
        (("--fps", "30/0"), "--fps 30/0: must be above 0 and at most 1000 frames"),
        (("--fps", "1001"), "at most 1000"),
    ],
)
def test_wrong_arguments(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, str], said: str
) -> None:
    assert said in _refused(capsys, root, tmp_path / "c.h5", *more)


def test_name_of_a_folder_with_spaces(tmp_path: Path) -> None:
    root = folder_of_videos(tmp_path / "My videos (2)", performers=1)
    assert _prepare(root, tmp_path / "c.h5") == 0
    assert check(tmp_path / "c.h5").info.name == "My-videos-2"


def test_any_number_of_workers_gives_the_same_file(tmp_path: Path, root: Path) -> None:
    one, two = tmp_path / "1.h5", tmp_path / "2.h5"
    table = _table(tmp_path / "t.csv", root)
    assert _prepare(root, one, "--keypoints", str(table), "--workers", "1") == 0
    assert _prepare(root, two, "--keypoints", str(table), "--workers", "2") == 0
    assert one.read_bytes() == two.read_bytes()


def test_a_long_video_in_parts(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What workers hand on at a time changes nothing, and each window is there once."""
    dense = ("--window-step", "1")
    assert _prepare(root, tmp_path / "whole.h5", *dense, "--workers", "1") == 0
    monkeypatch.setattr(folder, "CLIPS_PER_JOB", 4)
    # In this process, so that the parts are as small as asked for.
    monkeypatch.setattr(folder, "parallel_map", lambda function, items, workers: (function(item) for item in items))
    assert _prepare(root, tmp_path / "parts.h5", *dense, "--workers", "2") == 0
    assert check(tmp_path / "whole.h5").info.fingerprint == check(tmp_path / "parts.h5").info.fingerprint


def test_a_video_that_cannot_be_used_moves_no_other(tmp_path: Path, root: Path) -> None:
    assert _prepare(root, tmp_path / "a.h5") == 0
    (sorted(root.iterdir())[0] / "a_broken_anna.mp4").write_bytes(b"no video")
    assert _prepare(root, tmp_path / "b.h5") == 0
    assert check(tmp_path / "a.h5").info.fingerprint == check(tmp_path / "b.h5").info.fingerprint


def _uneven(path: Path, rows: list[str]) -> list[int]:
    """A video of 24 frames, numbered by their grey, in which frame 5 is held for 8 intervals and 6 to 13 are hasty; its
    rows of a keypoint table with frame t at (t, 10); and the frames that a sampling at its average rate shows."""
    numbered = np.zeros((24, 32, 32, 3), np.uint8) + (10 * np.arange(24, dtype=np.uint8))[:, None, None, None]
    stamps = [*range(0, 240, 40), *range(520, 600, 10), *range(600, 1000, 40)]
    lossless(path, numbered, stamps=stamps)
    rows += [f"{path.parent.name}/{path.name},{t},{t},10" for t in range(24)]
    middles = [(2 * k + 1) * (960 / 23) / 2 for k in range(24)]
    return [max(t for t in range(24) if stamps[t] <= middle) for middle in middles]


def test_uneven_frame_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[str] = []
    root = tmp_path / "v"
    shown = _uneven(root / "a" / "p1.mkv", rows)
    assert _uneven(root / "b" / "p1.mkv", rows) == shown
    assert len(set(shown)) < 20
    table = tmp_path / "t.csv"
    table.write_text("# keypoints: x\nvideo,frame,x_0,y_0\n" + "\n".join(rows))
    out = tmp_path / "c.h5"
    arguments = ["--keypoints", str(table), "--frames", "24", "--size", "32"]
    assert _prepare(root, out, *arguments) == 0
    with open_clips(out) as (contents, frames):
        assert len(frames) == 2
        assert (frames[0][:, 0, 0, 0] // 10).tolist() == shown
        assert contents.keypoints[0, :, 0, 0].tolist() == shown
    hidden = 24 - len(set(shown))
    said = capsys.readouterr().out
    assert f"a/p1.mkv: uneven frame times: sampled at 23.9583 frames per second, which drops {hidden} of 24" in said
    assert "2 with uneven frame times" in said
    # With --fps by the same rule; 1.0017 seconds at 12 a second are 12 frames.
    assert _prepare(root, out, *arguments, "--frames", "12", "--fps", "12") == 0
    with open_clips(out) as (contents, frames):
        assert contents.info.generator["arguments"]["fps"] == "12"
        stamps = [*range(0, 240, 40), *range(520, 600, 10), *range(600, 1000, 40)]
        middles = [(2 * k + 1) * 1000 / 24 for k in range(12)]
        assert (frames[0][:, 0, 0, 0] // 10).tolist() == [sum(s <= m for s in stamps) - 1 for m in middles]


def test_videos_of_other_rates_brought_to_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = tmp_path / "v", tmp_path / "c.h5"
    write_video(root / "a" / "p1.avi", moving_square(24), rate=24)
    write_video(root / "b" / "p1.avi", moving_square(12), rate=12)
    assert _prepare(root, out, "--fps", "12", "--window-step", "99") == 0
    assert check(out).label.tolist() == [0, 1]
    with open_clips(out) as (_, frames):
        # Every second frame of the one: the square is there twice as fast.
        assert np.abs(frames[0][1:4].astype(int) - frames[1][3:8:2]).mean() < 6
    assert "24 a second, needed" not in capsys.readouterr().out
    assert "a/p1.avi: too short: 5 frames at 5 frames per second, at least 8 needed" in _refused(
        capsys, root, tmp_path / "d.h5", "--fps", "5"
    )


def test_a_leap_in_time_is_a_named_skip(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lossless(root / "jump" / "leap.mkv", moving_square(10), stamps=[*range(0, 360, 40), 3_600_000])
    assert _prepare(root, tmp_path / "c.h5") == 0
    assert "jump/leap.mkv: its time stamps jump by 3599.7 seconds after frame 8" in capsys.readouterr().out
    assert check(tmp_path / "c.h5").shape[0] == 30


def test_a_folder_that_says_it_is_made(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "PROCEDURAL.txt").write_text("made")
    assert _prepare(root, tmp_path / "c.h5") == 0
    assert check(tmp_path / "c.h5").info.origin == "procedural"
    assert "procedural, not filmed" in capsys.readouterr().out


def test_a_video_that_crashes_the_decoder_is_a_named_skip(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "wave" / CRASHING).touch()
    monkeypatch.setattr(folder, "examine", examine_or_crash)
    assert _prepare(root, tmp_path / "c.h5") == 0
    said = capsys.readouterr().out
    assert "left out 1 videos" in said
    assert "1 crashing the decoder" in said
    assert f"wave/{CRASHING}: the decoder crashed in all of 2 attempts" in said
    assert check(tmp_path / "c.h5").shape[0] == 30


def test_what_is_no_regular_file(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(root / "wave" / "pipe.mp4")
    (root / "wave" / "gone.mp4").symlink_to(tmp_path / "nowhere")
    (root / "wave" / "folder.mp4").mkdir()
    (root / "loop").symlink_to(root)
    assert _prepare(root, tmp_path / "c.h5") == 0
    said = capsys.readouterr().out
    assert "wave/pipe.mp4: not a regular file" in said
    assert "wave/gone.mp4: cannot be decoded (No such file or directory)" in said
    assert check(tmp_path / "c.h5").shape[0] == 30


@pytest.mark.slow
def test_real_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of real people, one clearly visible in each video, named by AMC_REAL_VIDEOS; the estimator by
    AMC_TEST_POSE_PYTHON."""
    root, interpreter = os.environ.get("AMC_REAL_VIDEOS"), os.environ.get("AMC_TEST_POSE_PYTHON")
    if not root or not interpreter or not Path(root).is_dir():
        pytest.skip("AMC_REAL_VIDEOS and AMC_TEST_POSE_PYTHON name no videos and no estimator")
    monkeypatch.setenv("AMC_POSE_PYTHON", interpreter)
    out = tmp_path / "real.h5"
    assert main(["prepare", "folder", root, "--out", str(out), "--strict"]) == 0
    contents = check(out, content=True)
    shares = _valid_shares(contents)
    with capsys.disabled():
        print("\n", {name: round(share, 3) for name, share in shares.items()})
    assert min(shares.values()) > 0.7
    # People are upright on average: heads above chests, chests above navels.
    height = dict(zip(contents.info.keypoint_names, contents.keypoints[..., 1].mean(axis=(0, 1)), strict=True))
    assert height["head"] < height["chest"] < height["navel"]


def _valid_shares(contents: Contents) -> dict[str, float]:
    return {
        name: float(contents.keypoints_valid[contents.label == label].mean())
        for label, name in enumerate(contents.info.class_names)
    }


def test_the_summary_shows_performers_and_the_split(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _prepare(root, tmp_path / "c.h5") == 0
    said = capsys.readouterr().out
    assert "  subjects named as 'subject N': 0, 1, 2 in 6 videos, such as 0 in jump/performer_0.avi\n" in said
    assert "  split: by subject, so that no subject is in both training and test\n" in said
    (root / "jump" / "performer_1.avi").rename(root / "jump" / "extra.avi")
    assert _prepare(root, tmp_path / "c.h5") == 0
    said = capsys.readouterr().out
    assert "  no subject in the names of 1 videos: jump/extra.avi\n" in said
    assert (
        "  split: by source video, so subjects in training are also in test, because 1 of 6 videos have no known "
        "subject: name one in these files, remove them, or give --subject-pattern\n"
    ) in said
