"""`prepare mug` from its command line: what is written, what is said, and that nothing is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc.cli.data import main
from amc.data.clipfile import Contents, check, open_clips
from amc.data.datasets.mug import KEYPOINT_LANDMARKS, KEYPOINT_NAMES, PAIRS
from amc.data.splits import leaks, make_split
from amc.importing.keypoints.csv_file import write_table
from amc.importing.keypoints.table import KeypointTable, VideoKeypoints
from amc.importing.mug.images import ImageError, read_image
from tests.importing.mug.made_takes import COLOURS, face, own_units, picture, strengths, table, write_mug, write_take

SHORT = ("--frames", "8", "--workers", "1")
FIRST = "subjects3/001/session0/anger/take000"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three subjects, three emotions, one take each: 9 takes of 20 frames. Read-only."""
    return write_mug(Path(tmp_path_factory.mktemp("made")))


@pytest.fixture
def top(tmp_path: Path, made: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(made, tmp_path / "mug"))


def _prepare(top: Path, out: Path, *more: str) -> int:
    return main(["prepare", "mug", str(top), "--out", str(out), *SHORT, *more])


def _contents(out: Path) -> tuple[Contents, np.ndarray]:
    with open_clips(out) as (contents, frames):
        return contents, frames[()]


def _refused(capsys: pytest.CaptureFixture[str], top: Path, out: Path, *more: str) -> str:
    """The error line of a command that exits with 2 and leaves nothing behind."""
    capsys.readouterr()
    assert _prepare(top, out, *more) == 2
    assert not out.exists()
    assert not list(out.parent.glob(f".{out.name}*"))
    said = capsys.readouterr()
    assert not said.out
    (line,) = [line for line in said.err.splitlines() if line.startswith("error: ")]
    return line


def _summary(capsys: pytest.CaptureFixture[str], top: Path, out: Path, *more: str) -> str:
    capsys.readouterr()
    assert _prepare(top, out, *more) == 0
    return capsys.readouterr().out


def test_the_whole_thing(tmp_path: Path, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mug.h5"
    said = _summary(capsys, made, out)
    contents = check(out, content=True)
    info = contents.info
    assert (info.name, info.origin) == ("mug", "mug")
    assert info.class_names == ("anger", "happy", "surprise")
    assert (info.keypoint_names, info.pairs) == (KEYPOINT_NAMES, PAIRS)
    assert info.generator["arguments"]["peaks"] == "action-units"
    # 9 takes of 20 frames: T = 8 fits at strides 1 and 2, flipped or not, so each gives its 4.
    assert contents.shape == (36, 8, 64, 64)
    assert Counter(contents.source_clip.tolist()) == dict.fromkeys(range(9), 4)
    assert Counter(contents.subject.tolist()) == dict.fromkeys((1, 2, 3), 12)
    assert Counter(contents.label.tolist()) == dict.fromkeys(range(3), 12)
    assert contents.keypoints_valid.all()
    assert "peak frames: 9 takes by action-units" in said
    assert "anger 22, 24 (3 takes); surprise 27 (3 takes)" in said
    assert "9 takes are too short for stride 3" in said
    assert "problems" not in said


def test_dots_lie_on_their_keypoints_in_every_clip_flipped_or_not(tmp_path: Path, made: Path) -> None:
    out = tmp_path / "mug.h5"
    assert _prepare(made, out) == 0
    contents, frames = _contents(out)
    palette = np.array(COLOURS)
    right, left = KEYPOINT_NAMES.index("right_jaw"), KEYPOINT_NAMES.index("left_jaw")
    flipped = 0
    for clip, points in zip(frames, contents.keypoints, strict=True):
        # What is on the subject's right is at the left of a picture, flipped or not.
        assert (points[:, right, 0] < points[:, left, 0]).all()
        at = points.round().astype(int)
        seen = np.stack([[frame[y, x] for x, y in p] for frame, p in zip(clip, at, strict=True)]).astype(int)
        found = np.abs(seen[..., None, :] - palette).sum(axis=-1).argmin(axis=-1)  # (T, 11)
        straight = np.arange(len(KEYPOINT_NAMES))
        mirrored = straight.copy()
        for i, j in PAIRS:
            mirrored[[i, j]] = j, i
        is_flipped = (found[0] == mirrored).all()
        flipped += is_flipped
        np.testing.assert_array_equal(found, np.tile(mirrored if is_flipped else straight, (8, 1)))
    assert flipped == len(frames) / 2  # every take gives both, with both strides


def test_the_peak_is_where_it_belongs(tmp_path: Path) -> None:
    for person in ("1", "2"):
        for emotion in ("anger", "happiness"):
            folder = tmp_path / "mug" / person / emotion / "take000"
            write_take(folder, frames=20, peak=10, units=own_units(20, 10), shift=(int(person), len(emotion)))
    out = tmp_path / "mug.h5"
    assert _prepare(tmp_path / "mug", out, "--stride", "1", "--draws", "2") == 0
    contents, _ = _contents(out)
    mouth = contents.keypoints[:, :, KEYPOINT_NAMES.index("lower_lip"), 1]
    # 5 of 7 frames before the peak: round(23 / 31 * 7); the window is frames 5-12.
    assert (mouth.argmax(axis=1) == 5).all()


def test_seed_and_draws(tmp_path: Path, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prints = set()
    for i, more in enumerate((("--draws", "2"), ("--draws", "2", "--seed", "1"))):
        assert _prepare(made, tmp_path / f"{i}.h5", *more) == 0
        contents = check(tmp_path / f"{i}.h5")
        assert contents.shape[0] == 18
        prints.add(contents.info.fingerprint)
    assert len(prints) == 2
    said = _summary(capsys, made, tmp_path / "c.h5", "--clips", "22")
    numbers = Counter(check(tmp_path / "c.h5").source_clip.tolist())
    assert sorted(numbers.values()) == [2] * 5 + [3] * 4
    assert "requested" not in said
    said = _summary(capsys, made, tmp_path / "c.h5", "--clips", "500")
    assert "fewer clips than the 500 requested" in said
    assert check(tmp_path / "c.h5").shape[0] == 36


def test_no_source_straddles_a_split(tmp_path: Path, made: Path) -> None:
    assert _prepare(made, tmp_path / "mug.h5") == 0
    c = check(tmp_path / "mug.h5")
    for rule in ("subject", "random"):
        for seed in range(5):
            split = make_split(c.label, c.subject, c.source_clip, rule=rule, seed=seed, dataset="mug")
            assert split.rule == rule
            assert not leaks(split, c.subject, c.source_clip)
            parts = [set(c.source_clip[p].tolist()) for p in (split.train, split.validation, split.test)]
            assert sum(map(len, parts)) == 9


def test_two_workers_strays_and_another_place_make_no_difference(tmp_path: Path, made: Path, top: Path) -> None:
    assert _prepare(made, tmp_path / "one.h5") == 0
    for name in ("take000.avi", "Thumbs.db", "cover.jpg"):
        (top / FIRST / name).touch()
    shutil.copytree(top / FIRST, top / "subjects3/001/session0/neutral/take000")
    (top / "subjects3/001/session0/anger/take900").mkdir()
    shutil.copy(top / FIRST / "img_0000.jpg", top / "subjects3/001/session0/anger/take900")
    shutil.copytree(top / "subjects3/003", top / "subjects3/003b")
    shutil.move(top / "subjects3/003b", top / "subjects3/003/003")  # an ID inside its ID
    shutil.rmtree(top / "subjects3/003/session0")
    assert _prepare(top / "subjects3", tmp_path / "two.h5", "--workers", "2") == 0
    assert check(tmp_path / "one.h5").info.fingerprint == check(tmp_path / "two.h5").info.fingerprint


def test_failed_rows_are_filled_in_and_long_gaps_are_not_valid(tmp_path: Path, top: Path) -> None:
    faces = [face(s) for s in strengths(20, 9)]
    csv = top / FIRST / "openface.csv"
    csv.write_text(table(faces, own_units(20, 9), failed=[5, 7, 8]))
    assert _prepare(top, tmp_path / "a.h5") == 0
    a = check(tmp_path / "a.h5")
    assert a.keypoints_valid.all()
    csv.write_text(table(faces, own_units(20, 9), failed=[*range(1, 8), 19]))
    assert _prepare(top, tmp_path / "b.h5") == 0
    b = check(tmp_path / "b.h5")
    bad = ~b.keypoints_valid[b.source_clip == 0]
    assert bad.any()
    assert bad.all(axis=2).any(axis=1).all()
    assert b.keypoints_valid[b.source_clip != 0].all()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda take: (take / "openface.csv").unlink(), "no OpenFace table"),
        (lambda take: (take / "openface.csv").write_text("hello"), "openface.csv: no column 'frame'"),
        (lambda take: (take / "openface.csv").write_bytes(b"\xff\xff"), "openface.csv: not UTF-8 text"),
        (lambda take: (take / "img_0019.jpg").unlink(), "openface.csv continues to frame 20, but the take has 19"),
        (lambda take: (take / "img_0010.jpg").write_bytes(b"no"), "img_0010.jpg: damaged or not an image"),
        (lambda take: os.truncate(take / "img_0010.jpg", 900), "img_0010.jpg: damaged or not an image"),
        (
            lambda take: picture(face(0)).resize((80, 80)).save(take / "img_0010.jpg"),
            "img_0010.jpg has 80x80, earlier frames 160x160",
        ),
        (
            lambda take: [(take / f"img_{i:04d}.jpg").unlink() for i in range(4, 20)],
            "too short: 4 frames, at least 8",
        ),
        (
            lambda take: (take / "openface.csv").write_text(table([face(0)] * 20, {}, failed=range(20))),
            "the face was not found in any frame",
        ),
        (
            lambda take: (take / "openface.csv").write_text(table([face(0) * 0.01] * 20, {})),
            "the eyes are less than 4 pixels apart",
        ),
        (
            lambda take: (take / "openface.csv").write_text(table([face(0) * 6] * 20, {})),
            "most keypoints are outside the images",
        ),
    ],
)
def test_a_take_that_cannot_be_used_is_named_and_with_strict_an_error(
    tmp_path: Path, top: Path, capsys: pytest.CaptureFixture[str], damage: object, said: str
) -> None:
    damage(top / FIRST)  # type: ignore[operator]
    out = tmp_path / "mug.h5"
    summary = _summary(capsys, top, out)
    assert f"    001/session0/anger/take000: {said}" in summary
    assert check(out, content=True).shape[0] == 32
    out.unlink()
    assert said in _refused(capsys, top, out, "--strict")


def test_a_class_whose_frames_are_all_damaged_is_no_class(
    tmp_path: Path, top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for frame in top.glob("subjects3/*/*/anger/*/*.jpg"):
        frame.write_bytes(b"no")
    said = _summary(capsys, top, tmp_path / "mug.h5")
    assert check(tmp_path / "mug.h5", content=True).info.class_names == ("happy", "surprise")
    assert said.count("damaged or not an image") == 3
    for frame in top.glob("subjects3/*/*/happiness/*/*.jpg"):
        frame.write_bytes(b"no")
    line = _refused(capsys, top, tmp_path / "other.h5")
    assert "only the class 'surprise' has a usable clip" in line


def test_a_table_without_intensities_among_others(
    tmp_path: Path, top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = top / FIRST / "openface.csv"
    csv.write_text(table([face(s, shift=(0, 0)) for s in strengths(20, 9)]))
    assert "peak frames: 8 takes by action-units, 1 takes by landmark-displacement" in _summary(
        capsys, top, tmp_path / "mug.h5"
    )
    peaks = check(tmp_path / "mug.h5").info.generator["arguments"]["peaks"]
    assert peaks == "action-units and landmark-displacement"


def test_without_intensities_the_peak_is_by_landmarks_and_says_so(
    tmp_path: Path, top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for csv in top.glob("subjects3/*/*/*/*/openface.csv"):
        csv.write_text("\n".join(", ".join(line.split(", ")[:141]) for line in csv.read_text().splitlines()))
    said = _summary(capsys, top, tmp_path / "mug.h5")
    info = check(tmp_path / "mug.h5").info
    assert info.generator["arguments"]["peaks"] == "landmark-displacement"
    assert "peak frames: 9 takes by landmark-displacement" in said
    assert "units of Table A" not in said


def test_tables_elsewhere(tmp_path: Path, made: Path, top: Path) -> None:
    for csv in top.glob("subjects3/*/*/*/*/openface.csv"):
        place = tmp_path / "tables" / csv.parent.relative_to(top / "subjects3")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(csv, place.with_suffix(".csv"))
    assert _prepare(made, tmp_path / "one.h5") == 0
    assert _prepare(top, tmp_path / "two.h5", "--openface-csv", str(tmp_path / "tables")) == 0
    assert check(tmp_path / "one.h5").info.fingerprint == check(tmp_path / "two.h5").info.fingerprint


def test_openface_is_run_where_there_is_no_table(tmp_path: Path, made: Path, top: Path) -> None:
    """A program stands for it that knows the tables."""
    program = tmp_path / "FeatureExtraction"
    program.write_text(
        f"""#!{sys.executable}
import os, pathlib, sys
frames, out = (pathlib.Path(sys.argv[sys.argv.index(option) + 1]) for option in ("-fdir", "-out_dir"))
take = pathlib.Path(os.readlink(sorted(frames.iterdir())[0])).parent
table = pathlib.Path({str(made)!r}) / take.relative_to({str(top)!r}) / "openface.csv"
(out / "frames.csv").write_text(table.read_text())
"""
    )
    program.chmod(0o755)
    for csv in top.glob("subjects3/00[12]/*/*/*/openface.csv"):
        csv.unlink()
    assert _prepare(made, tmp_path / "one.h5") == 0
    assert _prepare(top, tmp_path / "two.h5", "--openface", str(program), "--workers", "2") == 0
    assert check(tmp_path / "one.h5").info.fingerprint == check(tmp_path / "two.h5").info.fingerprint
    assert len(list((tmp_path / "cache" / "openface").glob("*.csv"))) == 6


def test_numbers_past_9999_and_tables_in_the_order_of_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The drawn dots tell whether rows and frames belong together."""
    peaks = {"1": 9, "2": 10, "3": 11}
    for person, peak in peaks.items():
        for emotion in ("anger", "happiness"):
            folder = tmp_path / "mug" / person / emotion / "take000"
            shift = (int(person), len(emotion))
            write_take(folder, frames=20, peak=peak, units=own_units(20, peak), first=9990, shift=shift)
            if person != "1":
                # As OpenFace does it: by name, 10000-10009 before 9990-9999.
                faces = [face(s, shift=shift) for s in strengths(20, peak)]
                by_name = [*range(10, 20), *range(10)]
                units = {u: [v[i] for i in by_name] for u, v in own_units(20, peak).items()}
                (folder / "openface.csv").write_text(table([faces[i] for i in by_name], units))
    said = _summary(capsys, tmp_path / "mug", tmp_path / "mug.h5")
    named = [line.split(":")[0].strip() for line in said.splitlines() if "reordered by the frames' numbers" in line]
    assert named == [f"{p}/{emotion}/take000" for p in "23" for emotion in ("anger", "happiness")]
    contents, frames = _contents(tmp_path / "mug.h5")
    brow = KEYPOINT_NAMES.index("left_brow"), KEYPOINT_NAMES.index("right_brow")
    for clip, points in zip(frames, contents.keypoints, strict=True):
        for frame, at in zip(clip, points.round().astype(int), strict=True):
            for (x, y), colours in zip(at[list(brow)], ((4, 3), (3, 4)), strict=True):
                assert min(np.abs(frame[y, x].astype(int) - COLOURS[c]).sum() for c in colours) < 150


def test_keypoint_tables(tmp_path: Path, made: Path, top: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """68 points, or the 11 by name, in any order; the peak is then never by action units."""
    videos = {}
    for csv in sorted(top.glob("subjects3/*/*/*/*/openface.csv")):
        cells = np.array([[float(c) for c in line.split(",")] for line in csv.read_text().splitlines()[1:]])
        points = np.stack([cells[:, 5:73], cells[:, 73:141]], axis=-1)
        name = csv.parent.relative_to(top).as_posix()
        videos[name] = VideoKeypoints(np.arange(len(points)), points, np.full(len(points), np.nan))
        csv.unlink()
    write_table(tmp_path / "68.csv", KeypointTable(tuple(f"p{i}" for i in range(68)), videos))
    shuffled = [*range(10, -1, -1)]
    few = {
        n: VideoKeypoints(v.frame, v.points[:, [KEYPOINT_LANDMARKS[i] for i in shuffled]], v.confidence)
        for n, v in videos.items()
    }
    write_table(tmp_path / "11.csv", KeypointTable(tuple(KEYPOINT_NAMES[i] for i in shuffled), few))
    for number in (68, 11):
        said = _summary(capsys, top, tmp_path / f"{number}.h5", "--keypoints", str(tmp_path / f"{number}.csv"))
        assert "9 takes by landmark-displacement" in said
        assert "11 keypoints from: keypoint table" in said
    a, b = check(tmp_path / "68.h5"), check(tmp_path / "11.h5")
    assert a.shape == b.shape == (36, 8, 64, 64)
    assert np.abs(a.keypoints - b.keypoints).max() < 3
    left_out = dict(list(few.items())[1:])
    write_table(tmp_path / "23.csv", KeypointTable(tuple(KEYPOINT_NAMES[i] for i in shuffled), left_out))
    said = _summary(capsys, top, tmp_path / "23.h5", "--keypoints", str(tmp_path / "23.csv"))
    assert "001/session0/anger/take000: not in the keypoint table" in said
    ten = {n: VideoKeypoints(v.frame, v.points[:, :10], v.confidence) for n, v in few.items()}
    write_table(tmp_path / "10.csv", KeypointTable(tuple(KEYPOINT_NAMES[i] for i in shuffled[:10]), ten))
    line = _refused(capsys, top, tmp_path / "10.h5", "--keypoints", str(tmp_path / "10.csv"))
    assert "10 points, but none is called 'right_jaw'" in line


def test_one_crop_a_frame(tmp_path: Path, made: Path) -> None:
    for align in ("clip", "frame"):
        assert _prepare(made, tmp_path / f"{align}.h5", "--align", align) == 0
    a, b = check(tmp_path / "clip.h5"), check(tmp_path / "frame.h5")
    assert a.info.generator["arguments"]["align"] == "clip"
    assert b.info.generator["arguments"]["align"] == "frame"
    # The drawn heads do not move, so it makes no difference but for what the table rounds.
    np.testing.assert_allclose(a.keypoints, b.keypoints, atol=0.5)


def test_copies_of_a_take_share_its_source(tmp_path: Path, top: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(top / FIRST, (top / FIRST).with_name("take001"))
    said = _summary(capsys, top, tmp_path / "mug.h5")
    assert "001/session0/anger/take001: the same images as 001/session0/anger/take000" in said
    assert Counter(check(tmp_path / "mug.h5").source_clip.tolist())[0] == 8


def test_what_the_project_made_is_procedural(tmp_path: Path, top: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (top / "PROCEDURAL.txt").write_text("made")
    assert "procedural stand-in, not MUG" in _summary(capsys, top, tmp_path / "mug.h5")
    assert check(tmp_path / "mug.h5").info.origin == "procedural"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--frames", "1"), "--frames: give an integer of 2 or more"),
        (("--size", "0"), "--size: give an integer from 1 to"),
        (("--stride", "0"), "--stride: give an integer of 1 or more"),
        (("--draws", "7"), "--draws 7: a take has only 6 different clips"),
        (("--min-confidence", "nan"), "--min-confidence: give a number from 0 to 1"),
        (("--openface", "/none/FeatureExtraction"), "missing or not executable"),
        (("--openface-csv", "/none"), "--openface-csv /none: no such folder"),
        (("--keypoint-names", "a,b"), "requires --keypoints"),
        (("--keypoints", "/none.csv"), "cannot read the keypoint table"),
        (("--frames", "50"), "there is no usable clip"),
        (("--stride", "9"), "too short: 20 frames, at least 64"),
    ],
)
def test_wrong_arguments(
    tmp_path: Path, made: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
) -> None:
    assert said in _refused(capsys, made, tmp_path / "mug.h5", *more)


def test_killed_in_the_middle_and_run_again(tmp_path: Path, made: Path) -> None:
    assert _prepare(made, tmp_path / "one.h5") == 0
    out = tmp_path / "mug.h5"
    command = [sys.executable, "-m", "amc.data", "prepare", "mug", str(made), "--out", str(out), "--frames", "8"]
    with subprocess.Popen([*command, "--workers", "2"], start_new_session=True, stderr=subprocess.DEVNULL) as process:
        partial = out.with_name(f".{out.name}.partial")
        deadline = time.monotonic() + 300
        while not partial.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    assert _prepare(made, out, "--workers", "2") == 0
    assert check(out, content=True).info.fingerprint == check(tmp_path / "one.h5").info.fingerprint
    assert not partial.exists()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["jpg", "png", "bmp"]))
def test_any_damage_to_a_picture_is_named_or_harmless(tmp_path: Path, data: st.DataObject, ending: str) -> None:
    path = tmp_path / f"picture.{ending}"
    picture(face(0.5)).resize((40, 40)).save(path)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, min(len(raw) - 1, 700)))
        raw[start : start + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=10))
    path.write_bytes(bytes(raw))
    try:
        frame = read_image(path)
    except ImageError:
        return
    assert frame.dtype == np.uint8
    assert frame.ndim == 3
    assert frame.shape[2] == 3


def test_copies_share_a_source_also_where_the_first_of_them_is_refused(tmp_path: Path, top: Path) -> None:
    for copy in ("take001", "take002"):
        shutil.copytree(top / FIRST, (top / FIRST).with_name(copy))
    (top / FIRST / "openface.csv").unlink()
    assert _prepare(top, tmp_path / "mug.h5") == 0
    contents = check(tmp_path / "mug.h5")
    of_first = contents.source_clip[(contents.subject == 1) & (contents.label == 0)]
    assert len(of_first) == 8
    assert len(set(of_first.tolist())) == 1


def test_a_damaged_take_changes_nothing_of_the_others(
    tmp_path: Path, top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, more in (("draws", ()), ("clips", ("--clips", "20"))):
        without, beside = tmp_path / f"{name}.h5", tmp_path / f"{name}-beside.h5"
        assert _prepare(top, without, *more) == 0
        damaged = (top / FIRST).with_name("a_damaged")
        shutil.copytree(top / FIRST, damaged)
        for path in damaged.glob("*.jpg"):
            path.write_bytes(path.read_bytes()[:600] + bytes(200))
        assert "a_damaged" in _summary(capsys, top, beside, *more)
        assert check(without).info.fingerprint == check(beside).info.fingerprint
        shutil.rmtree(damaged)
