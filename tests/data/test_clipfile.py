from __future__ import annotations

import fcntl
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc.data.clipfile import ClipInfo, ClipWriter, check, open_clips, read_info, verified
from amc.data.clips import load_clips
from amc.errors import UserError

INFO = ClipInfo(
    name="toy",
    origin="folder",
    class_names=("wave", "bend"),
    keypoint_names=("left", "right", "top"),
    pairs=((0, 1),),
    generator={"tool": "test", "version": 1, "arguments": {"stride": 2}},
)
FRAMES, SIZE, POINTS = 4, (6, 8), 3

damage = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def clip(i: int) -> dict[str, Any]:
    random = np.random.default_rng(i)
    return {
        "frames": random.integers(0, 256, (FRAMES, *SIZE, 3), dtype=np.uint8),
        "keypoints": random.uniform(0, 6, (FRAMES, POINTS, 2)).astype(np.float32),
        "valid": random.random((FRAMES, POINTS)) < 0.9,
        "label": i % 2,
        "subject": i % 3 - 1,
        "source_clip": i,
    }


def write(path: Path, clips: list[dict[str, Any]], info: ClipInfo = INFO) -> Path:
    with ClipWriter(path, info, frames=FRAMES, size=SIZE, keypoints=POINTS) as writer:
        for one in clips:
            writer.add(**one)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    clips = [clip(i) for i in range(5)]
    path = write(tmp_path / "a.h5", clips)
    contents = check(path, content=True)
    assert contents.shape == (5, FRAMES, *SIZE)
    assert replace(contents.info, fingerprint="") == INFO
    with open_clips(path) as (opened, frames):
        for one, stored in zip(clips, verified(path, opened, frames), strict=True):
            np.testing.assert_array_equal(one["frames"], stored)
    for i, one in enumerate(clips):
        np.testing.assert_array_equal(one["keypoints"], contents.keypoints[i])
        np.testing.assert_array_equal(one["valid"], contents.keypoints_valid[i])
        assert (contents.label[i], contents.subject[i], contents.source_clip[i]) == (i % 2, i % 3 - 1, i)
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_a_chunk_a_clip(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path / "a.h5", [clip(0), clip(1)])) as file:
        assert file["frames"].chunks == (1, FRAMES, *SIZE, 3)
        assert file.attrs["schema_version"] == 1


def test_the_fingerprint_is_the_documented_hash(tmp_path: Path) -> None:
    one = clip(0)
    header = {
        "classes": ["wave", "bend"],
        "keypoints": ["left", "right", "top"],
        "pairs": [[0, 1]],
        "shape": [4, 6, 8, 3],
    }
    expected = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    expected.update(one["frames"].tobytes())
    expected.update(one["keypoints"].tobytes())
    expected.update(bytes(one["valid"].ravel().tolist()))
    expected.update((0).to_bytes(8, "little") + (-1).to_bytes(8, "little", signed=True) + (0).to_bytes(8, "little"))
    assert read_info(write(tmp_path / "a.h5", [one])).fingerprint == expected.hexdigest()


@pytest.mark.parametrize("field", ["frames", "keypoints", "valid", "label", "subject", "source_clip"])
def test_the_fingerprint_sees_every_array(tmp_path: Path, field: str) -> None:
    changed = clip(0)
    if field in ("label", "subject", "source_clip"):
        changed[field] = 1
    else:
        changed[field] = changed[field].copy()
        changed[field].flat[0] = not changed[field].flat[0]
    assert len({read_info(write(tmp_path / "a.h5", [c])).fingerprint for c in (clip(0), changed)}) == 2


def test_the_fingerprint_sees_names_but_not_how_or_where(tmp_path: Path) -> None:
    def of(**changes: Any) -> str:
        return read_info(write(tmp_path / "a.h5", [clip(0)], replace(INFO, **changes))).fingerprint

    assert of() == of(generator={"tool": "another"}) == of(name="renamed")
    assert len({of(), of(class_names=("wave", "nod")), of(keypoint_names=("l", "r", "t"))}) == 3


def test_nothing_is_left_of_a_failed_write(tmp_path: Path) -> None:
    def fail() -> None:
        with ClipWriter(tmp_path / "a.h5", INFO, frames=FRAMES, size=SIZE, keypoints=POINTS) as writer:
            writer.add(**clip(0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_clips_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no clips"):
        write(tmp_path / "a.h5", [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"frames": np.zeros((FRAMES, 6, 6, 3), np.uint8)},
        {"frames": np.zeros((FRAMES, *SIZE, 3), np.float32)},
        {"keypoints": np.zeros((FRAMES, 2, 2), np.float32)},
        {"keypoints": np.full((FRAMES, POINTS, 2), np.nan, np.float32)},
        {"valid": np.zeros((FRAMES, 2), bool)},
        {"label": 2},
        {"subject": -2},
        {"source_clip": -1},
    ],
)
def test_a_clip_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not|fit|finite|range"):
        write(tmp_path / "a.h5", [clip(0) | change])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "elsewhere"},
        {"class_names": ("wave", "wave")},
        {"keypoint_names": ("left", "right")},
        {"pairs": ((0, 0),)},
        {"pairs": ((0, 3),)},
    ],
)
def test_inconsistent_names_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"origin|names|pairs"):
        write(tmp_path / "a.h5", [clip(0)], replace(INFO, **change))


def alter(path: Path, change: Callable[[Any], None]) -> Path:
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def put(name: str, values: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[name]
        file[name] = values

    return change


def attribute(name: str, value: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        file.attrs[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (attribute("schema_version", 2), "schema version 2"),
        (attribute("schema", "photos"), "not a clip file"),
        (lambda file: file.attrs.pop("schema"), "not a clip file"),
        (lambda file: file.attrs.pop("origin"), "'origin' is missing"),
        (attribute("origin", "elsewhere"), "unknown origin 'elsewhere'"),
        (attribute("class_names", "wave,bend"), "'class_names' is missing or malformed"),
        (attribute("class_names", '["wave"]'), "labels run from 0 to 1, but there are 1 classes"),
        (attribute("pairs", "[[0, 9]]"), "do not fit 3 keypoints"),
        (attribute("generator", "[]"), "'generator' is missing or malformed"),
        (attribute("fingerprint", "abc"), "not 64 hex digits"),
        (lambda file: file.pop("label"), "array 'label' is missing"),
        (put("label", np.array([0, 1, 2], np.int64)), "labels run from 0 to 2"),
        (put("label", np.array([0, 1], np.int64)), "'label' is int64 (2,)"),
        (put("label", np.array([0.0, 1.0, 0.0])), "'label' is float64"),
        (put("subject", np.array([0, -3, 0], np.int64)), "negative subject"),
        (put("source_clip", np.array([7, 7, 8], np.int64)), "source 7 has clips of two classes or two subjects"),
        (put("frames", np.zeros((3, 4, 6, 8), np.uint8)), "'frames' is uint8 (3, 4, 6, 8)"),
        (put("frames", np.zeros((0, 4, 6, 8, 3), np.uint8)), "'frames' is empty"),
        (put("keypoints", np.full((3, 4, 3, 2), np.inf, np.float32)), "not all finite"),
        (put("keypoints_valid", np.ones((3, 4, 2), bool)), "'keypoints_valid' is bool (3, 4, 2)"),
    ],
)
def test_an_inconsistent_file_is_one_clear_line(tmp_path: Path, change: Callable[[Any], None], problem: str) -> None:
    path = alter(write(tmp_path / "a.h5", [clip(i) for i in range(3)]), change)
    with pytest.raises(UserError, match=re.escape(problem)) as caught:
        check(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_content_edited_by_hand_does_not_fit_the_fingerprint(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", [clip(i) for i in range(3)])
    alter(path, put("label", np.array([1, 1, 1], np.int64)))
    check(path)
    with pytest.raises(UserError, match="does not match the fingerprint"):
        check(path, content=True)


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", b"\x89HDF\r\n\x1a\n"])
def test_a_foreign_file_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a readable HDF5 clip file"):
        check(path)


def test_an_hdf5_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(3)
    with pytest.raises(UserError, match="an HDF5 file, but not a clip file"):
        check(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        check(tmp_path / "none.h5")
    with pytest.raises(UserError, match="a folder"):
        check(tmp_path)


@damage
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_one_clear_line(small_file: Path, tmp_path: Path, share: float) -> None:
    content = small_file.read_bytes()
    path = tmp_path / "cut.h5"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError) as caught:
        check(path)
    assert str(caught.value).startswith(f"{path}: not a readable HDF5 clip file")


@damage
@given(share=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_damaged_byte_is_noticed_or_harmless(small_file: Path, tmp_path: Path, share: float, flip: int) -> None:
    content = bytearray(small_file.read_bytes())
    content[int(share * len(content))] ^= flip
    path = tmp_path / "damaged.h5"
    path.write_bytes(content)
    try:
        found = load_clips(path, size=16, frames=8)
    except UserError:
        return
    # The byte lay in unused space.
    sound = load_clips(small_file, size=16, frames=8)
    assert found.info == sound.info
    for name in ("frames", "keypoints", "keypoints_valid", "label", "subject", "source_clip"):
        np.testing.assert_array_equal(getattr(found, name), getattr(sound, name))


def test_a_file_that_another_program_has_open(tmp_path: Path) -> None:
    """A lock alone does not matter for reading; a file that is being changed is named as such, not as damaged."""
    path = write(tmp_path / "a.h5", [clip(0)])
    with path.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        check(path, content=True)
    code = "import h5py, sys\nh = h5py.File(sys.argv[1], 'a', libver='latest')\nprint('open', flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(UserError, match=r"a\.h5 is locked: another program has it open for writing; close it"):
            check(path)
        other.communicate("\n")
    check(path, content=True)
