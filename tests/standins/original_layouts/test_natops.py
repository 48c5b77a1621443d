from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from amc.cli.data import main
from amc.data.clipfile import read_info
from amc.data.clips import Clips, load_clips
from amc.data.datasets.natops import KEYPOINT_NAMES, PAIRS
from amc.data.resize import area_resize
from amc.errors import UserError
from amc.importing.keypoints.reading import read_table
from amc.importing.natops.segmentation import read_segmentation
from amc.importing.problems import Problems
from amc.importing.video.decoding import read_frames
from amc.standins.body.clip import draw_repetition
from amc.standins.body.gestures import GESTURES
from amc.standins.body.kinematics import CROP, Build, perform
from amc.standins.body.recording import HEIGHT, RETURN, WIDTH, Footage, footage, length, recordings
from amc.standins.body.render import Scene, draw_frames
from amc.standins.body.subjects import BodyLook, BodySubject, subject
from amc.standins.original_layouts.natops import write_original_layout
from tests.importing.running import alive, children, needs_proc, wait_for

ROOT = Path(__file__).parents[3]
CLIPS, CLASSES, SEED = 46, 2, 3


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """46 repetitions of two gestures by 20 subjects: 40 films, six of them of two repetitions. Read-only."""
    folder = Path(tmp_path_factory.mktemp("natops")) / "made"
    write_original_layout(folder, clips=CLIPS, classes=CLASSES, seed=SEED, workers=1)
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_layout_is_the_real_one(written: Path) -> None:
    films = {f"data/gesture{g:02d}/g{g:02d}s{s:02d}.avi" for g in (1, 2) for s in range(1, 21)}
    companions = {f"data/gesture01/g01s{s:02d}{kind}.avi" for s in range(1, 21) for kind in "md"}
    assert set(hashes(written)) == {
        "PROCEDURAL.txt",
        "segmentation.txt",
        "keypoints.csv",
        *films,
        *companions,
    }
    with av.open(str(written / "data/gesture02/g02s07.avi")) as container:
        stream = container.streams.video[0]
        assert container.format.name == "avi"
        assert (stream.width, stream.height, stream.average_rate) == (320, 240, 20)


def test_segments_table_and_films_agree(written: Path) -> None:
    problems = Problems()
    segments = read_segmentation(written / "segmentation.txt", problems, repetitions=None)
    assert problems.found == []
    assert len(segments) == CLIPS
    assert Counter(Counter((s.gesture, s.subject) for s in segments).values()) == {1: 34, 2: 6}
    table = read_table(written / "keypoints.csv")
    assert table.names == KEYPOINT_NAMES
    planned = recordings(CLIPS, CLASSES, SEED)
    assert len(table.videos) == len(planned) == 40
    for recording in planned:
        video = f"data/gesture{recording.gesture:02d}/g{recording.gesture:02d}s{recording.subject:02d}.avi"
        own = [s for s in segments if (s.gesture, s.subject) == (recording.gesture, recording.subject)]
        content = footage(recording)
        assert [(s.start, s.end) for s in own] == list(content.segments)
        assert [s.repetition for s in own] == [*range(1, len(recording.repetitions) + 1)]
        assert [s.frames for s in own] == [length(i, SEED) for i in recording.repetitions]
        rows = table.videos[video]
        assert rows.frame.tolist() == list(range(len(content.motion.joints)))
        np.testing.assert_array_equal(rows.points, content.points())
        assert own[0].start > 1
        assert own[-1].end + RETURN < len(rows.frame)
        assert all(b.start - a.end > RETURN for a, b in pairwise(own))


def test_films_show_what_was_drawn(written: Path) -> None:
    # A film of two repetitions, so that more than one group of pictures is in it.
    recording = next(r for r in recordings(CLIPS, CLASSES, SEED) if len(r.repetitions) == 2)
    path = written / f"data/gesture{recording.gesture:02d}/g{recording.gesture:02d}s{recording.subject:02d}.avi"
    drawn = list(footage(recording).frames())
    shown = list(read_frames(path))
    assert len(shown) == len(drawn)
    for one, other in zip(drawn, shown, strict=True):
        # Colour has half the resolution, so edges differ.
        assert np.abs(one.astype(int) - other).mean() < 4


def test_masks_show_the_body(written: Path) -> None:
    first = next(read_frames(written / "data/gesture01/g01s01m.avi"))
    joints = read_table(written / "keypoints.csv").videos["data/gesture01/g01s01.avi"].points[0]
    for x, y in np.rint(joints).astype(int):
        assert first[y, x].min() > 200
    assert first[:, :20].max() < 60


def test_a_repetition_starts_in_the_neutral_pose_and_is_the_performance_itself() -> None:
    (recording,) = (r for r in recordings(40, 2, 0) if (r.gesture, r.subject) == (2, 4))
    content = footage(recording)
    (index,) = recording.repetitions
    ((start, end),) = content.segments
    alone = perform(
        GESTURES[1], subject(3, 0).build, draw_repetition(index, 0, subject(3, 0).style).variation, length(index, 0)
    )
    np.testing.assert_array_equal(content.motion.joints[start - 1 : end], alone.joints)
    np.testing.assert_array_equal(content.motion.hands[start - 1 : end], alone.hands)
    for t in (*range(start - 1), -1):
        np.testing.assert_array_equal(content.motion.joints[t], alone.joints[0])
    # Back at a walk: no step is longer than the way by the number of steps, twice over.
    way = np.linalg.norm(alone.joints[-1] - alone.joints[0], axis=-1).max()
    steps = np.linalg.norm(np.diff(content.motion.joints[end - 1 : end + RETURN + 1], axis=0), axis=-1)
    assert steps.max() < 2 * way / RETURN


@pytest.mark.parametrize("at", [(42, 32), (98, 56), (71, 40)])
def test_in_the_frame_the_body_is_drawn_as_in_the_crop_and_goes_on_below(at: tuple[int, int]) -> None:
    build = Build(shoulder=20, upper_arm=30, forearm=26, neck=24, head=12, chest=10, trunk=40, thickness=12, hand=10)
    colours = {
        "skin": (200, 0, 0),
        "glove": (200, 0, 0),
        "hair": (200, 0, 200),
        "vest": (0, 0, 200),
        "sleeve": (0, 200, 0),
    }
    trousers = (0, 200, 200)
    white = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    look = BodyLook(**colours, trousers=trousers, stripe=True, background=white[:204, :204])
    light = (0.9, 1.0, 1.1)
    motion = perform(GESTURES[8], build, draw_repetition(5, 0, subject(0, 0).style).variation, 8)
    content = Footage(BodySubject(build, look, subject(0, 0).style), white, light, at, motion, ((1, 8),))
    expected = np.stack(list(draw_frames(content.performer, motion, Scene(view=(0, 0), light=light))))
    x, y = at
    for picture, alone, mask in zip(content.frames(), expected, content.masks(), strict=True):
        np.testing.assert_array_equal(picture[y : y + CROP, x : x + CROP], alone)
        legs = (picture[-1] == (0, 200, 220)).all(axis=-1)
        assert legs.sum() > 15
        assert legs[x + 90 - 40 : x + 90 + 40].sum() == legs.sum()
        np.testing.assert_array_equal(mask, (picture != picture[0, 0]).any(axis=-1))


def test_the_crop_about_the_chest_lies_in_the_frame_and_not_in_its_middle() -> None:
    films = [footage(r) for r in recordings(960, 24, 0)[::11]]
    chests = np.stack([f.points()[:, 1].mean(axis=0) for f in films])
    assert chests.min(axis=0)[0] > 90
    assert (chests.max(axis=0) < (WIDTH - 90, HEIGHT - 86)).all()
    assert chests.min(axis=0)[1] > 86
    assert np.abs(chests - ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)).mean(axis=0).min() > 5
    assert (np.abs(chests - chests.mean(axis=0)).mean(axis=0) > (8, 4)).all()
    for f in films:
        assert f.points().min() >= 0
        assert (f.points() <= (WIDTH - 1, HEIGHT - 1)).all()


def test_a_subject_has_one_wall_and_others_have_others() -> None:
    films = {(r.gesture, r.subject): footage(r) for r in recordings(40, 2, 0) if r.subject < 4}
    for s in (1, 2, 3):
        np.testing.assert_array_equal(films[1, s].background, films[2, s].background)
        assert films[1, s].light != films[2, s].light
    assert np.abs(films[1, 1].background.astype(int) - films[1, 2].background).mean() > 5


def test_lengths_are_those_of_the_real_data() -> None:
    frames = np.array([length(i, 0) for i in range(8_000)])
    assert abs(frames.mean() - 46.8) < 0.5
    assert abs(frames.std() - 12.4) < 0.5
    # 765 of 9,600 are too short for a clip.
    assert abs((frames < 32).mean() - 765 / 9_600) < 0.015


def test_every_repetition_is_in_one_film() -> None:
    for clips in (1, 19, 480, 505):
        planned = recordings(clips, 24, 0)
        assert sorted(i for r in planned for i in r.repetitions) == list(range(clips))
    assert {len(r.repetitions) for r in recordings(9_600, 24, 0)} == {20}


@needs_proc
def test_workers_and_an_interruption_change_nothing(written: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    script = (
        "from pathlib import Path\n"
        "from amc.standins.original_layouts.natops import write_original_layout\n"
        "if __name__ == '__main__':\n"
        f"    write_original_layout(Path({str(folder)!r}), clips={CLIPS}, classes={CLASSES}, seed={SEED}, workers=2)\n"
    )
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, str(tmp_path / "script.py")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for done in (0, 5):
        process = subprocess.Popen(command, env=environment)
        try:
            wait_for(lambda least=done: len(films_in(folder)) > least)
            workers = children(process.pid)
        finally:
            process.kill()
            process.wait()
        assert workers
        wait_for(lambda pids=workers: not any(alive(pid) for pid in pids))
        assert not (folder / "segmentation.txt").exists()
        assert (folder / "PROCEDURAL.txt").is_file()
    stamps = {path: path.stat().st_mtime_ns for path in films_in(folder)}
    subprocess.run(command, env=environment, check=True, timeout=300)
    assert hashes(folder) == hashes(written)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())


def films_in(folder: Path) -> list[Path]:
    return list(folder.glob("data/*/g*s??.avi"))


def test_progress_counts_repetitions_and_the_summary_says_what_there_is(tmp_path: Path) -> None:
    seen = []

    def progress(done: int, total: int, note: str = "", /) -> None:
        seen.append((done, total))

    summary = write_original_layout(tmp_path / "a", clips=5, classes=3, progress=progress, workers=1)
    assert seen == [(i, 5) for i in range(1, 6)]
    short = sum(length(i, 0) < 32 for i in range(5))
    assert "5 repetitions of 3 gestures by 5 subjects in 5 videos, origin=procedural" in summary
    assert f"; {short} have fewer than 32" in summary


def test_what_is_there_is_not_mixed_with_something_else(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    write_original_layout(folder, clips=3, classes=2, workers=1)
    before = hashes(folder)
    with pytest.raises(UserError, match="other settings; choose a new folder"):
        write_original_layout(folder, clips=4, classes=2, workers=1)
    assert hashes(folder) == before
    write_original_layout(folder, clips=3, classes=2, workers=1)
    assert hashes(folder) == before
    foreign = tmp_path / "b"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        write_original_layout(foreign, clips=3, classes=2, workers=1)
    assert [p.name for p in foreign.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("wrong", [{"clips": 0}, {"clips": 801}, {"classes": 1}, {"classes": 25}, {"seed": -1}])
def test_sizes_that_make_no_data_set(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(UserError):
        write_original_layout(tmp_path / "a", **({"clips": 4, "classes": 2, "seed": 0} | wrong))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """Files end at 40 kB here, as they would where no more fits."""
    script = (
        "import resource, signal\n"
        "from pathlib import Path\n"
        "from amc.errors import UserError\n"
        "from amc.standins.original_layouts.natops import write_original_layout\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
        "try:\n"
        f"    write_original_layout(Path({str(tmp_path / 'a')!r}), clips=3, classes=2, workers=1)\n"
        "except UserError as error:\n"
        "    print('as expected:', error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert ran.stdout.startswith("as expected: cannot write ")
    assert sorted(p.name for p in (tmp_path / "a").rglob("*") if p.is_file()) == ["PROCEDURAL.txt"]


@pytest.fixture(scope="session")
def imported(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """The clips that the importer of the real data set cuts from the files."""
    path = Path(tmp_path_factory.mktemp("imported")) / "natops.h5"
    command = ["prepare", "natops", str(written), "--keypoints", str(written / "keypoints.csv")]
    assert main([*command, "--out", str(path), "--workers", "1"]) == 0
    info = read_info(path)
    assert (info.name, info.origin) == ("natops", "procedural")
    assert info.class_names == tuple(g.name for g in GESTURES[:CLASSES])
    assert (info.keypoint_names, info.pairs) == (KEYPOINT_NAMES, PAIRS)
    return load_clips(path, size=64, frames=32)


def test_the_importer_finds_what_was_made(imported: Clips) -> None:
    expected = [
        (recording.gesture - 1, recording.subject, i, first - 1)
        for i, recording in enumerate(recordings(CLIPS, CLASSES, SEED))
        for first, last in footage(recording).segments
        if last - first + 1 >= 32
    ]
    assert 0.7 * CLIPS < len(expected) < CLIPS
    order = np.lexsort((imported.source_clip, imported.subject, imported.label))
    assert len(order) == len(set(imported.source_clip.tolist())) == len(expected)
    assert imported.keypoints_valid.all()
    drawn = {i: footage(recording) for i, recording in enumerate(recordings(CLIPS, CLASSES, SEED))}
    for row, (label, performer, i, first) in zip(order, expected, strict=True):
        assert (imported.label[row], imported.subject[row]) == (label, performer)
        points = drawn[i].points()[first : first + 32]
        # In pixels of the frame again; where the crop lay is the same for all points.
        corner = points - ((imported.keypoints[row] + 0.5) * CROP / 64 - 0.5)
        x, y = np.rint(corner.mean(axis=(0, 1))).astype(int)
        np.testing.assert_allclose(corner, np.broadcast_to((x, y), corner.shape), atol=0.01)
        assert np.abs(np.array([x, y]) + (CROP - 1) / 2 - np.median(points[:, 1], axis=0)).max() <= 0.51
        frames = np.stack(list(islice(drawn[i].frames(), first - 1, first + 33)))
        # Where the crop leaves the frame, its edge is repeated.
        rows, columns = (np.clip(np.arange(CROP) + start, 0, end - 1) for start, end in ((y, HEIGHT), (x, WIDTH)))
        direct = area_resize(frames[:, rows][:, :, columns], (64, 64)).astype(int)
        earlier, same, later = (np.abs(imported.frames[row] - direct[start : start + 32]).mean() for start in range(3))
        # The film's compression changes less than the motion from one frame to the next.
        assert same < 2
        assert same < min(earlier, later)
