"""Which checkpoints stay."""

from __future__ import annotations

from pathlib import Path

from amc.config import Config
from analysis.record.states import COMPLETE, FAILED, WAITING
from tests.tuning.toy_rows import trial_row
from tuning.engine.checkpoints import delete_unneeded, keys_to_keep


def test_deletion_keeps_what_runs_and_the_last_attempt_of_the_best(base: Config, tmp_path: Path) -> None:
    rows = [
        trial_row(base, 0, state=COMPLETE, value=0.1, attempts=1),
        trial_row(base, 1, state=COMPLETE, value=0.9, attempts=2),
        trial_row(base, 2, state=WAITING, attempts=4),
        trial_row(base, 3, state=FAILED, attempts=1),
    ]
    for row in rows:
        for attempt in range(1, row.attempts + 1):
            (tmp_path / row.key / f"attempt-{attempt}").mkdir(parents=True)
    (tmp_path / "trial-0002" / ".attempt-2.partial").mkdir()  # killed while it copied
    for attempt in (1, 2, 3):  # the fourth has left nothing yet
        (tmp_path / "trial-0002" / f"attempt-{attempt}" / "checkpoint").write_text("1")
    (tmp_path / "trial-0002" / "attempt-4" / ".checkpoint.17").write_text("half")
    assert keys_to_keep(rows, 1) == {"trial-0001", "trial-0002"}
    delete_unneeded(tmp_path, rows, 1)
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*"))
    assert found == ["trial-0001/attempt-2", "trial-0002/attempt-3", "trial-0002/attempt-4"]


def test_what_the_record_does_not_know_stays(base: Config, tmp_path: Path) -> None:
    """As after a backup of the record was restored: trials and attempts that came later are not on record."""
    rows = [
        trial_row(base, 0, state=FAILED, attempts=1),
        trial_row(base, 1, state=COMPLETE, value=0.9, attempts=2),
        trial_row(base, 2, state=WAITING, attempts=1),
    ]
    later = ["trial-0000/attempt-2", "trial-0001/attempt-3", "trial-0002/attempt-4", "trial-0007/attempt-1"]
    superseded = ["trial-0000/attempt-1", "trial-0001/attempt-1"]
    for name in (*later, *superseded, "trial-0001/attempt-2", "trial-0002/attempt-1"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "checkpoint").write_text("1")
    delete_unneeded(tmp_path, rows, 1)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")}
    assert found == {*later, "trial-0001/attempt-2", "trial-0002/attempt-1"}


def test_repeats_of_a_configuration_take_no_other_ones_place(base: Config) -> None:
    """The race has each configuration once, so any of the best `keep` may win and be registered."""
    repeats = [
        trial_row(base, n, state=COMPLETE, value=0.9 - n / 100, params={"weights.gan": 1.0}, attempts=1)
        for n in range(4)
    ]
    others = [
        trial_row(base, n, state=COMPLETE, value=0.1 * n, params={"weights.gan": float(n)}, attempts=1) for n in (4, 5)
    ]
    assert keys_to_keep([*repeats, *others], 2) == {"trial-0000", "trial-0005"}


def test_a_trial_that_lacks_an_objective_keeps_no_better_ones_checkpoint_out(base: Config) -> None:
    lacking = [
        trial_row(base, number, state=COMPLETE, value=0.9, values={"val/accuracy": 0.9, "val/appearance": None})
        for number in range(3)
    ]
    whole = trial_row(base, 3, state=COMPLETE, value=0.5, values={"val/accuracy": 0.5, "val/appearance": 0.5})
    assert keys_to_keep([*lacking, whole], 3) == {"trial-0003"}
