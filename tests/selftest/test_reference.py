from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from amc.errors import UserError
from amc.selftest.reference import ROOT, load
from tests.literal.step import LiteralStep


def test_the_literal_step_is_the_checkouts() -> None:
    reference = load()
    assert reference.step.__name__ == LiteralStep.__name__
    assert reference.small("natops").dataset.name == "natops"


def test_without_a_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"needs tests/literal, which .* does not have: run it in a checkout"):
        load(tmp_path)


def test_another_package_called_tests_is_not_taken_for_it(tmp_path: Path) -> None:
    """Some distributions install one by mistake."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").write_text("")
    code = "import sys, tests, amc.selftest.reference as r; print(sys.modules[r.load().step.__module__].__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(ROOT / "tests" / "literal" / "step.py")
