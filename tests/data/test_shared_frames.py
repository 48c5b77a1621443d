"""Frames that processes share: what lies in the file, when it is made, when it is made anew, and who holds it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc.data import clips as loading
from amc.data import shared_frames
from amc.data.clipfile import ClipInfo, ClipWriter
from amc.data.clips import Clips, load_clips
from amc.data.shared_frames import SETTING, SMALL, to_be_shared
from amc.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
INFO = ClipInfo("toy", "folder", ("a", "b"), ("left", "right"), ((0, 1),), {})


def write(path: Path, *, clips: int = 5, frames: int = 6, size: int = 8, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    with ClipWriter(path, INFO, frames=frames, size=(size, size), keypoints=2) as writer:
        for i in range(clips):
            video = rng.integers(0, 256, (frames, size, size, 3), dtype=np.uint8)
            points = rng.uniform(0, size, (frames, 2, 2))
            writer.add(video, points, np.ones((frames, 2), bool), label=i % 2, subject=i, source_clip=i)
    return path


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five clips of six 8 x 8 frames, to be mapped, in a cache of the test's own."""
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(SETTING, "mapped")
    return write(tmp_path / "toy.h5")


def laid_out() -> list[Path]:
    return sorted(shared_frames.folder().glob("*"))


def the_one() -> Path:
    (path,) = laid_out()
    return path


def in_memory(file: Path, monkeypatch: pytest.MonkeyPatch, size: int = 8, frames: int = 6) -> Clips:
    with monkeypatch.context() as patch:
        patch.setenv(SETTING, "memory")
        return load_clips(file, size=size, frames=frames)


@pytest.mark.parametrize("rule", ["first", "even"])
@pytest.mark.parametrize(("size", "frames"), [(8, 6), (4, 6), (8, 3), (3, 4)])
def test_mapped_clips_are_those_in_memory(
    file: Path, monkeypatch: pytest.MonkeyPatch, size: int, frames: int, rule: str
) -> None:
    mapped = load_clips(file, size=size, frames=frames, rule=rule)  # type: ignore[arg-type]
    monkeypatch.setenv(SETTING, "memory")
    held = load_clips(file, size=size, frames=frames, rule=rule)  # type: ignore[arg-type]
    for name in ("frames", "keypoints", "keypoints_valid", "label", "subject", "source_clip"):
        np.testing.assert_array_equal(getattr(mapped, name), getattr(held, name))
    assert (mapped.info, mapped.reduction) == (held.info, held.reduction)
    for clips in (mapped, held):
        assert type(clips.frames) is np.ndarray
        assert not clips.frames.flags.writeable
        assert clips.frames[[2, 0]].flags.writeable  # a copy
    # The file is an ordinary one of numpy's.
    np.testing.assert_array_equal(np.load(the_one(), allow_pickle=False), held.frames)


def test_it_is_made_once_for_all_copies_of_a_file(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a node of a cluster, whose trials read a copy of the file under another name."""
    before = load_clips(file, size=4, frames=6)
    made = the_one().stat()
    copy = Path(shutil.copy(file, tmp_path / "copy.h5"))
    monkeypatch.setattr(loading, "verified", lambda *_: pytest.fail("all frames were read again"))
    np.testing.assert_array_equal(load_clips(copy, size=4, frames=6).frames, before.frames)
    assert the_one().stat().st_ino == made.st_ino


def test_a_node_with_another_cache_makes_its_own(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = load_clips(file, size=4, frames=6)
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "node"))
    assert laid_out() == []
    np.testing.assert_array_equal(load_clips(file, size=4, frames=6).frames, here.frames)
    assert the_one().parent == tmp_path / "node" / "frames"


def test_sizes_lengths_and_rules_lie_apart(file: Path) -> None:
    load_clips(file, size=8, frames=6)
    load_clips(file, size=8, frames=6, rule="even")  # nothing to choose: the same
    load_clips(file, size=8, frames=3)
    load_clips(file, size=8, frames=3, rule="even")
    assert [path.name[32:] for path in laid_out()] == ["-3x8-even-v1.npy", "-3x8-first-v1.npy", "-6x8-all-v1.npy"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other_shape(path: Path) -> None:
    np.save(path, np.zeros((5, 3, 8, 16, 3), np.uint8))


def zeros(path: Path) -> None:
    """What a crash may leave of a file that was not written out."""
    path.write_bytes(bytes(path.stat().st_size))


def pickled(path: Path) -> None:
    np.save(path, np.array([{}]), allow_pickle=True)


@pytest.mark.parametrize("damage", [cut, lengthen, empty, other_shape, zeros, pickled])
def test_a_file_that_is_not_whole_is_made_anew(
    file: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    load_clips(file, size=8, frames=6)
    path = the_one()
    damage(path)
    found = load_clips(file, size=8, frames=6)
    np.testing.assert_array_equal(found.frames, in_memory(file, monkeypatch).frames)
    np.testing.assert_array_equal(np.load(the_one()), found.frames)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_damaged_byte_is_noticed(file: Path, share: float, flip: int) -> None:
    """Anywhere, in a file of few clips; of many, the content of 16 is looked at."""
    sound = load_clips(file, size=8, frames=6).frames
    path = the_one()
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= flip
    path.unlink()  # not written in place: `sound` maps it
    path.write_bytes(content)
    found = load_clips(file, size=8, frames=6).frames
    np.testing.assert_array_equal(found, sound)


def test_clips_that_do_not_fit_their_fingerprint_are_never_laid_out(file: Path) -> None:
    with h5py.File(file, "r+") as opened:
        opened["frames"][3, 0, 0, 0, 0] ^= 1
    with pytest.raises(UserError, match="does not match the fingerprint"):
        load_clips(file, size=8, frames=6)
    assert laid_out() == []


@pytest.mark.parametrize("name", ["keypoints", "keypoints_valid", "label", "subject", "source_clip"])
def test_what_lies_beside_the_frames_is_checked_at_each_loading(file: Path, name: str) -> None:
    load_clips(file, size=8, frames=6)
    with h5py.File(file, "r+") as opened:
        changed = opened[name][()]
        changed[0] = ~changed[0] if changed.dtype == bool else changed[0] + (9 if name == "source_clip" else 1)
        opened[name][...] = changed
    with pytest.raises(UserError, match="does not match the fingerprint"):
        load_clips(file, size=8, frames=6)


@pytest.mark.parametrize("fault", ["cut off", "no room", "folder"])
def test_where_it_cannot_be_written_each_process_holds_its_own(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    held = in_memory(file, monkeypatch)
    monkeypatch.setattr(shared_frames, "SMALL", 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if fault == "no room":
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))  # type: ignore[attr-defined]
    elif fault == "folder":
        shared_frames.folder().parent.mkdir(exist_ok=True)
        shared_frames.folder().touch()
    for place in ("auto", "mapped"):
        monkeypatch.setenv(SETTING, place)
        if fault == "cut off":
            resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))  # writes past it fail as on a full disk
        try:
            if place == "mapped":
                with pytest.raises(UserError, match="make room, set AMC_CACHE, or unset AMC_FRAMES"):
                    load_clips(file, size=8, frames=6)
                continue
            found = load_clips(file, size=8, frames=6)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        np.testing.assert_array_equal(found.frames, held.frames)
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("cannot share frames in ")
        assert "this process keeps" in line
    assert laid_out() == []


def test_few_bytes_stay_in_memory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTING)
    assert [to_be_shared(size) for size in (SMALL - 1, SMALL)] == [False, True]
    load_clips(file, size=8, frames=6)
    assert laid_out() == []
    monkeypatch.setenv(SETTING, "memory")
    assert not to_be_shared(SMALL)
    monkeypatch.setenv(SETTING, "here")
    with pytest.raises(UserError, match="AMC_FRAMES=here: choose one of auto, memory, mapped"):
        load_clips(file, size=8, frames=6)


def test_those_not_used_for_longest_go(file: Path, tmp_path: Path) -> None:
    place = shared_frames.folder()
    held = []
    for seed in range(4):
        held.append(load_clips(write(tmp_path / f"{seed}.h5", seed=seed), size=8, frames=6).frames)
        newest = max(place.glob("*.npy"), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (1_000 + seed, 1_000 + seed))
    first, second = sorted(place.glob("*.npy"), key=lambda path: path.stat().st_mtime_ns)[:2]
    kept = held[1].copy()
    load_clips(tmp_path / "0.h5", size=8, frames=6)  # used just now
    for name, age in ((".left.npy.partial", 2 * 24 * 3600), (".young.npy.partial", 60)):
        (place / name).touch()
        os.utime(place / name, (time.time() - age,) * 2)
    load_clips(write(tmp_path / "4.h5", seed=4), size=8, frames=6)
    assert first.exists()
    assert not second.exists()
    assert len(list(place.glob("*.npy"))) == shared_frames.KEPT
    assert [path.name for path in place.glob("*.partial")] == [".young.npy.partial"]
    np.testing.assert_array_equal(held[1], kept)  # still mapped


# A process that loads a clip file, touches all of its frames, and says what it holds when it is told that others do.
HOLDER = """
import json, re, sys
from pathlib import Path
from amc.data.clips import load_clips

def private():
    found = Path("/proc/self/smaps_rollup").read_text()
    return 1024 * sum(int(size) for size in re.findall(r"^Private_\\w+: +(\\d+) kB", found, re.M))

before = private()
clips = load_clips(Path(sys.argv[1]), size=int(sys.argv[2]), frames=16)
total = sum(int(clip.sum()) for clip in clips.frames)
print("loaded", flush=True)
sys.stdin.readline()
maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines() if "/frames/" in line]
maps = [(flags, int(number)) for _, flags, _, _, number, *_ in maps]
print(json.dumps({"total": total, "private": private() - before, "maps": maps}), flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux tells what a process holds")
def test_processes_of_a_machine_hold_one_copy(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 64 MiB and by default, and laid out by the one that comes first."""
    monkeypatch.delenv(SETTING)
    large = write(file.with_name("large.h5"), clips=SMALL // (16 * 64 * 64 * 3) + 1, frames=16, size=64)
    size = (SMALL // (16 * 64 * 64 * 3) + 1) * 16 * 64 * 64 * 3
    holders = [holder(large) for _ in range(2)]
    for process in holders:
        assert answer(process) == "loaded"
    found = [json.loads(tell(process)) for process in holders]
    for process in holders:
        process.communicate("\n", timeout=60)
        assert process.returncode == 0
    number = the_one().stat().st_ino
    for one in found:
        assert one["maps"] == [["r--s", number]]
        assert one["total"] == found[0]["total"]
        assert one["private"] < size / 4


def holder(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), "64"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def tell(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return answer(process)


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip()


# A process that lays out frames and stops in the middle.
STUCK = """
import sys, time
from pathlib import Path
from amc.data import clips
whole = clips.verified

def slow(*arguments):
    for i, clip in enumerate(whole(*arguments)):
        yield clip
        if i == 2:
            print("begun", flush=True)
            time.sleep(600)

clips.verified = slow
clips.load_clips(Path(sys.argv[1]), size=8, frames=6)
"""


def test_who_is_killed_while_laying_out_leaves_nothing_that_counts(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen([sys.executable, "-c", STUCK, str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert answer(process) == "begun"
    finally:
        process.kill()
        process.communicate()
    assert [path.suffix for path in laid_out()] == [".partial"]
    np.testing.assert_array_equal(load_clips(file, size=8, frames=6).frames, in_memory(file, monkeypatch).frames)
    assert the_one().suffix == ".npy"


def test_frames_come_one_clip_at_a_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is written before the next is read: nobody holds all of them."""
    path, whole, sizes = shared_frames.folder(), loading.verified, []

    def watched(*arguments: object) -> Iterator[np.ndarray]:
        for clip in whole(*arguments):  # type: ignore[arg-type]
            sizes.append(sum(left.stat().st_size for left in path.glob(".*.partial")))
            yield clip

    large = write(file.with_name("wide.h5"), clips=4, frames=6, size=64)  # clips beyond any buffer
    monkeypatch.setattr(loading, "verified", watched)
    load_clips(large, size=64, frames=6)
    clip = 6 * 64 * 64 * 3
    assert [size // clip for size in sizes] == [0, 1, 2, 3]
