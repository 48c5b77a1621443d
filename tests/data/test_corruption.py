"""Random damage to everything that an importer or a reader is given: a clear refusal, a named skip, or no difference.

What cannot be seen is not claimed: a bit that is flipped inside a lossy stream can decode to another picture, and a
digit in a table to another number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc.cli.data import main
from amc.data.clipfile import Contents, check, open_clips, verified
from amc.errors import UserError
from amc.importing.folder.listing import list_videos
from amc.importing.keypoints.reading import read_table
from amc.importing.keypoints.table import KeypointTable
from amc.importing.problems import Problems
from amc.importing.video.decoding import LEAST_SHARE, UnreadableVideo, VideoFacts, examine
from amc.processes import WorkerDied, crash_safe_map
from tests.importing.made_videos import folder_of_videos, moving_square, write_gif, write_video


@dataclass(frozen=True)
class Edit:
    """One piece of damage: where (as a share of the file), how long (bytes), and with what."""

    kind: str
    at: float
    length: int
    seed: int

    def apply(self, data: bytes) -> bytes:
        i = int(self.at * max(0, len(data) - 1))
        block = data[i : i + self.length]
        if self.kind == "flip":
            return data[:i] + bytes(b ^ (1 << (self.seed % 8)) for b in data[i : i + 1]) + data[i + 1 :]
        if self.kind == "truncate":
            return data[:i]
        if self.kind == "remove":
            return data[:i] + data[i + self.length :]
        if self.kind == "insert":
            return data[:i] + np.random.default_rng(self.seed).bytes(self.length) + data[i:]
        if self.kind == "overwrite":
            return data[:i] + np.random.default_rng(self.seed).bytes(len(block)) + data[i + len(block) :]
        after = data[i + self.length : i + 2 * self.length]
        return data[:i] + after + block + data[i + len(block) + len(after) :]


KINDS = ("flip", "truncate", "remove", "insert", "overwrite", "swap")
EDITS = st.lists(
    st.builds(Edit, st.sampled_from(KINDS), st.floats(0, 1), st.integers(1, 600), st.integers(0, 2**16)),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, edits: list[Edit]) -> bytes:
    for edit in edits:
        data = edit.apply(data)
    return data


def few(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def _video(path: Path) -> Path:
    codec = {".avi": "mpeg4", ".mp4": "libx264", ".mkv": "libx264", ".webm": "libvpx-vp9", ".ts": "mpeg2video"}
    if path.suffix == ".gif":
        return write_gif(path, moving_square(24))
    return write_video(path, moving_square(24), codec=codec[path.suffix])


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv", ".gif", ".webm", ".ts"])
@given(batch=st.lists(EDITS, min_size=10, max_size=20))
@few(3)
def test_videos(tmp_path: Path, suffix: str, batch: list[list[Edit]]) -> None:
    """Decoded in a process of its own, so that a crash would be seen as one."""
    whole = tmp_path / f"whole{suffix}"
    data = (whole if whole.exists() else _video(whole)).read_bytes()
    paths = [tmp_path / f"{i}{suffix}" for i in range(len(batch))]
    for path, edits in zip(paths, batch, strict=True):
        path.write_bytes(damaged(data, edits))
    for result in crash_safe_map(examine, paths, 1):
        assert isinstance(result, VideoFacts | UnreadableVideo | WorkerDied)
        if isinstance(result, UnreadableVideo):
            assert result.reason
            assert "\n" not in result.reason
        if isinstance(result, VideoFacts):
            shown = result.timing.sample()
            assert len(shown) == result.frames


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv", ".gif", ".webm"])
def test_a_video_that_ends_early_is_never_used(tmp_path: Path, suffix: str) -> None:
    data = _video(tmp_path / f"whole{suffix}").read_bytes()
    path = tmp_path / f"cut{suffix}"
    for part in np.linspace(0, LEAST_SHARE - 0.05, 30):
        path.write_bytes(data[: int(part * len(data))])
        assert isinstance(examine(path), UnreadableVideo), part


@given(batch=st.lists(EDITS, min_size=4, max_size=4))
@few(4)
def test_prepare_folder(tmp_path: Path, batch: list[list[Edit]], capsys: pytest.CaptureFixture[str]) -> None:
    """Four of eight videos damaged: each is in the file or named, and the others are as they always are."""
    root, out, table = tmp_path / "v", tmp_path / "c.h5", tmp_path / "t.csv"
    folder_of_videos(root, performers=4, frames=10)
    names = sorted(f"{p.parent.name}/{p.name}" for p in root.glob("*/*.avi"))
    table.write_text("# keypoints: a\nvideo,frame,x_0,y_0\n" + "".join(f"{name},3,5,5\n" for name in names))
    for name, edits in zip(names[::2], batch, strict=True):
        (root / name).write_bytes(damaged((root / name).read_bytes(), edits))
    capsys.readouterr()
    arguments = ["prepare", "folder", str(root), "--keypoints", str(table), "--frames", "8", "--size", "16"]
    assert main([*arguments, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    with open_clips(out) as (contents, frames):
        used = set(contents.source_clip.tolist())
        clips = list(verified(out, contents, frames))
    named = {name for name in names if f"    {name}: " in said}
    assert named <= set(names[::2])
    left_out = re.search(r"left out (\d+) videos", said)
    assert used == set(range(8 - (int(left_out[1]) if left_out else 0)))
    assert len(used) >= 8 - len(named)
    # The untouched last video is what it always is: `moving_square` with the seed 13 is 40 + 10 x 5 in its blue.
    last = clips[contents.source_clip.tolist().index(max(used))]
    assert abs(int(np.median(last[..., 2])) - 90) < 6


def _read_or_refused(read: Callable[[], object], path: Path) -> object:
    """What was read; None where it was refused, in one line that names the file."""
    try:
        return read()
    except UserError as error:
        said = str(error)
    assert "\n" not in said
    assert str(path) in said
    return None


@given(edits=EDITS)
@few(150)
def test_keypoint_tables(tmp_path: Path, edits: list[Edit]) -> None:
    text = "# keypoints: head,left_wrist,right_wrist\nvideo,frame,x_0,x_1,x_2,y_0,y_1,y_2,confidence\n"
    text += "".join(f"wave/anna_{v}.mp4,{t},160.5,{t},120.25,60,,128,0.9\n" for v in range(2) for t in range(9))
    path = tmp_path / "t.csv"
    path.write_bytes(damaged(text.replace(f",{3},120", ",,120").encode(), edits))
    table = _read_or_refused(lambda: read_table(path), path)
    if isinstance(table, KeypointTable):
        for rows in table.videos.values():
            assert (np.diff(rows.frame) > 0).all()
            assert np.isfinite(rows.points[~np.isnan(rows.points)]).all()


def _same(one: Contents, other: Contents) -> bool:
    arrays = ("keypoints", "keypoints_valid", "label", "subject", "source_clip")
    return one.info == other.info and all(np.array_equal(getattr(one, a), getattr(other, a)) for a in arrays)


@given(edits=EDITS)
@few(120)
def test_clip_files(tmp_path: Path, small_file: Path, edits: list[Edit]) -> None:
    """Refused, or all that is read is what was written."""
    path = tmp_path / "damaged.h5"
    data = small_file.read_bytes()
    broken = damaged(data, edits)
    path.write_bytes(broken)
    contents = _read_or_refused(lambda: check(path, content=True), path)
    assert isinstance(contents, Contents) or broken != data
    if isinstance(contents, Contents):
        assert _same(contents, check(small_file))


NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200
)
ENDINGS = st.sampled_from(["", ".mp4", ".AVI", ".txt", ".gif"])


def _file(path: Path) -> None:
    path.write_bytes(b"x")


def _folder(path: Path) -> None:
    path.mkdir()


def _broken_link(path: Path) -> None:
    path.symlink_to(path.parent / "nothing" / "there")


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


THINGS = st.sampled_from([_file, _file, _file, _folder, _broken_link, _link_to_itself])


@given(
    tree=st.dictionaries(NAMES, st.dictionaries(st.builds(str.__add__, NAMES, ENDINGS), THINGS, max_size=4), max_size=4)
)
@few(60)
def test_folder_layouts(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, dict[str, Callable[[Path], None]]]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for label, things in tree.items():
        (root / label).mkdir(exist_ok=True)
        for name, make in things.items():
            if not (root / label / name).is_symlink() and not (root / label / name).exists():
                make(root / label / name)
    listing = list_videos(root, Problems())
    assert [video.source for video in listing.videos] == list(range(len(listing.videos)))
    assert len({video.name for video in listing.videos}) == len(listing.videos)
    assert listing == list_videos(root, Problems())
    for video in listing.videos:
        assert isinstance(examine(video.path), UnreadableVideo)
