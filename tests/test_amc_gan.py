"""The command `amc-gan`: one name for all commands, which an installed package offers."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import amc_gan

ROOT = Path(__file__).resolve().parents[1]


def _amc_gan(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "amc_gan", *arguments], cwd=ROOT, capture_output=True, text=True)


def test_help_lists_every_sub_command_and_imports_none() -> None:
    code = "import sys, amc_gan\ntry: amc_gan.main(['--help'])\nexcept SystemExit: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.endswith("False\n")
    for name, (_, about) in amc_gan.COMMANDS.items():
        assert name in done.stdout
        assert about in done.stdout


@pytest.mark.parametrize("name", amc_gan.COMMANDS)
def test_usage_is_what_the_user_typed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        amc_gan.main([name, "--help"])
    assert capsys.readouterr().out.startswith(f"usage: amc-gan {name} ")
    assert amc_gan.main([name, "--no-such-option"]) == 2
    assert re.fullmatch(r"error: .+ \(see amc-gan.* --help\)\n", capsys.readouterr().err)


def test_sub_commands_of_the_fixed_commands_are_all_there() -> None:
    """What `python -m amc` and `python -m analysis` offer, `amc-gan` offers by the same modules."""
    modules = {module for module, _ in amc_gan.COMMANDS.values()}
    for package in ("amc", "analysis"):
        commands = importlib.import_module(f"{package}.__main__").COMMANDS
        assert {module.__name__ for module, _ in commands.values()} <= modules


def test_it_runs_a_command(tmp_path: Path) -> None:
    done = _amc_gan("studies", "list", "--out", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, f"no studies in {tmp_path}\n")
    done = _amc_gan("report", "--study", "none", "--runs", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: no study record at {tmp_path}/none/record.db")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_completion_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert amc_gan.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "amc-gan" in script
    for word in ("search", "trials", "prepare"):
        assert word in script
    if shutil.which(shell) and shell in ("bash", "zsh", "fish"):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)
