"""Making a study from folders of videos, and what is refused."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from amc.errors import UserError
from analysis import __main__ as analysis_main
from analysis.preference import clips
from analysis.preference.clips import ClipStore, decode, encode
from analysis.preference.create import broken
from analysis.preference.design import Design, ExclusionRule, read_design
from tests.analysis.preference.made_videos import clip, made_study, write_folders, write_video

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Design]:
    return made_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    write_folders(tmp_path, ("amc", "cdna", "real"), 4)
    return tmp_path


def _create(root: Path, *more: str) -> int:
    sources = ["--source", f"amc={root / 'amc'}", "--source", f"cdna={root / 'cdna'}", "--truth", str(root / "real")]
    rest = ["--classes", str(root / "classes.csv"), "--conditions", "4", "--out", str(root / "study")]
    return analysis_main.main(["preference", "create", *sources, *rest, *more])


def test_the_clips_of_all_sources_are_in_the_study(study: tuple[Path, Design]) -> None:
    folder, design = study
    store = ClipStore(folder)
    for number, name in enumerate(("amc", "cdna", "truth")):
        for condition, clip_id in zip(design.conditions, design.source(name).clips, strict=True):
            found, expected = store.frames(clip_id), clip(number, int(condition.name))
            assert found.shape == expected.shape
            assert np.abs(found.astype(int) - expected).max() <= 6
    assert sorted(path.name for path in folder.iterdir()) == ["clips.zip", "design.json", "texts"]


def test_the_design_states_what_will_be_tested(study: tuple[Path, Design]) -> None:
    folder, design = study
    written = json.loads((folder / "design.json").read_text())
    assert written["comparisons"] == [
        {"other": "cdna", "label_shown": True},
        {"other": "truth", "label_shown": True},
    ]
    assert written["alpha"] == 0.05
    assert written["exclusion"]["least_right"] == 10
    assert read_design(folder) == design


def test_the_same_seed_gives_the_same_study_and_another_seed_another(
    tmp_path: Path, study: tuple[Path, Design]
) -> None:
    for place, seed in (("same", 0), ("other", 1)):
        (tmp_path / place).mkdir()
        again, _ = made_study(tmp_path / place, seed=seed)
        for name in ("design.json", "clips.zip"):
            assert ((again / name).read_bytes() == (study[0] / name).read_bytes()) == (seed == 0)


@given(st.integers(5, 60))
def test_the_exclusion_rule_has_the_probabilities_that_it_states(trials: int) -> None:
    rule = ExclusionRule.for_trials(trials)
    assert rule.coin_excluded == pytest.approx(binom.cdf(rule.least_right - 1, trials, 0.5))
    assert rule.attentive_kept == pytest.approx(binom.sf(rule.least_right - 1, trials, 0.95))
    assert rule.coin_excluded >= 0.95
    # One correct answer less would be too mild.
    assert binom.cdf(rule.least_right - 2, trials, 0.5) < 0.95


def test_twelve_catch_trials() -> None:
    # P(at least 10 of 12) is (66 + 12 + 1) / 4096 for a coin.
    assert ExclusionRule.for_trials(12).coin_excluded == pytest.approx(1 - 79 / 4096)
    with pytest.raises(ValueError, match="at least 5"):
        ExclusionRule.for_trials(4)


@given(st.integers(1, 5), st.integers(4, 20), st.integers(4, 20))
def test_encoding_keeps_shape_and_mixes_no_frames(frames: int, height: int, width: int) -> None:
    levels = (np.arange(frames) % 2 * 255).astype(np.uint8)
    made = np.broadcast_to(levels[:, None, None, None], (frames, height, width, 3)).copy()
    assert np.array_equal(decode(encode(made), (frames, height, width)), made)


def test_a_broken_clip_has_the_pixels_of_the_intact_one_in_other_places() -> None:
    frames = np.arange(2 * 16 * 16 * 3).reshape(2, 16, 16, 3).astype(np.uint8)
    made = broken(frames, np.random.default_rng(0))
    for row in range(4):
        for column in range(4):
            part = np.s_[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            assert not np.array_equal(made[part], frames[part])
    assert np.array_equal(np.sort(made, axis=None), np.sort(frames, axis=None))


def test_an_existing_folder_is_not_touched(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (videos / "study").mkdir()
    assert _create(videos) == 2
    assert "already exists" in capsys.readouterr().err
    assert list((videos / "study").iterdir()) == []


def _missing(root: Path) -> None:
    (root / "cdna" / "002.mkv").unlink()


def _unreadable(root: Path) -> None:
    path = root / "cdna" / "002.mkv"
    path.write_bytes(path.read_bytes()[:300])


def _short(root: Path) -> None:
    write_video(root / "cdna" / "002.mkv", clip(0, 0, frames=3))


def _small(root: Path) -> None:
    write_video(root / "cdna" / "002.mkv", clip(0, 0, size=8))


def _extra(root: Path) -> None:
    shutil.copy(root / "cdna" / "002.mkv", root / "cdna" / "009.mkv")


def _twice(root: Path) -> None:
    shutil.copy(root / "cdna" / "002.mkv", root / "cdna" / "002.avi")


def _no_class(root: Path) -> None:
    (root / "classes.csv").write_text("video,class\n000,nod\n")


def _empty(root: Path) -> None:
    shutil.rmtree(root / "cdna")
    (root / "cdna").mkdir()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (_missing, "cdna has no video named '002', which truth has"),
        (_unreadable, "002.mkv"),
        (_short, "cdna, '002': 3 frames of 16 x 16 pixels, but the first real clip has 4 frames"),
        (_small, "cdna, '002': 4 frames of 8 x 8 pixels, but the first real clip has 4 frames of 16 x 16 pixels"),
        (_extra, "truth has no video named '009', which cdna has"),
        (_twice, "have the same name: keep one of them"),
        (_no_class, "is unknown: give --classes"),
        (_empty, "has no videos"),
    ],
)
def test_faulty_videos_are_named_and_nothing_is_left(
    videos: Path, capsys: pytest.CaptureFixture[str], fault: object, message: str
) -> None:
    assert callable(fault)
    fault(videos)
    before = sorted(path.name for path in videos.iterdir())
    assert _create(videos) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in videos.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--conditions", "5"], "only 4 conditions are available; give --conditions 4 or less, or add videos"),
        (["--conditions", "1"], "too few"),
        (["--naming"], "--labels hidden or --labels both"),
        (["--source", "truth=x"], "names must be different"),
        (["--source", "b=/nowhere"], "no such folder"),
        (["--source", "b=study:trial-0001"], "no checkpoint"),
    ],
)
def test_wrong_options(videos: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    assert _create(videos, *options) == 2
    assert message in capsys.readouterr().err
    assert not (videos / "study").exists()


def test_a_full_disk_leaves_nothing(videos: Path) -> None:
    command = [sys.executable, "-m", "analysis", "preference", "create", "--source", f"amc={videos / 'amc'}"]
    command += ["--truth", str(videos / "real"), "--labels", "hidden", "--conditions", "4"]
    before = sorted(path.name for path in videos.iterdir())

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    done = subprocess.run(
        [*command, "--out", str(videos / "study")], cwd=ROOT, capture_output=True, text=True, preexec_fn=limit
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write the study")
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in videos.iterdir()) == before


def test_power_is_printed_and_nothing_made(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _create(videos, "--power", "--raters", "10", "--conditions", "40") == 0
    assert "is detected with 80% power" in capsys.readouterr().out
    assert not (videos / "study").exists()


@pytest.mark.parametrize("damage", ["{", "{}", '{"format": 1}'])
def test_a_damaged_design_is_one_clear_line(tmp_path: Path, study: tuple[Path, Design], damage: str) -> None:
    copy = shutil.copytree(study[0], tmp_path / "copy")
    (copy / "design.json").write_text(damage)
    with pytest.raises(UserError, match=r"design\.json"):
        read_design(copy)


def test_a_study_moves_with_its_folder_alone_and_notices_damaged_clips(
    tmp_path: Path, study: tuple[Path, Design]
) -> None:
    copy = shutil.copytree(study[0], tmp_path / "elsewhere")
    assert ClipStore(copy).frames(study[1].focus.clips[0]).shape == (4, 16, 16, 3)
    content = bytearray((copy / "clips.zip").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "clips.zip").write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        ClipStore(copy)


def _noisy(level: float) -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    return np.clip(clip(0, 1, 32, 64) + rng.normal(0, level, (32, 64, 64, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("level", "quality"), [(4, 95), (8, 92), (16, 85)])
def test_a_study_of_the_papers_size_is_below_50_mb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: float, quality: int
) -> None:
    # Of the 514 clips of 100 conditions, five sources, catch trials and training pair, two.
    monkeypatch.setattr(clips, "SIZE_LIMIT", clips.SIZE_LIMIT * 2 / 514)
    frames = _noisy(level)
    assert clips.write_clips(tmp_path, lambda: [("a", frames), ("b", frames)])[1] == quality
    assert 514 * (tmp_path / clips.FILE_NAME).stat().st_size / 2 < 50e6


def test_a_larger_study_may_be_larger_in_proportion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = _noisy(8)
    size = len(encode(frames))
    monkeypatch.setattr(clips, "SIZE_LIMIT", 1.1 * size)
    monkeypatch.setattr(clips, "PAPER_PIXELS", frames[..., 0].size)
    for count in (1, 3):
        assert clips.write_clips(tmp_path, lambda count=count: [(str(i), frames) for i in range(count)])[1] == 95


def test_designs_that_contradict_themselves_are_refused(tmp_path: Path, study: tuple[Path, Design]) -> None:
    from analysis.preference.design import write_design

    _, design = study
    for wrong in (
        replace(design, frames=0),
        replace(design, sources=design.sources[:1]),
        replace(design, conditions=design.conditions[1:]),
        replace(design, training=design.focus.clips[:2]),
    ):
        write_design(wrong, tmp_path)
        with pytest.raises(UserError, match="inconsistent"):
            read_design(tmp_path)
