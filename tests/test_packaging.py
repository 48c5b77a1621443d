from __future__ import annotations

import ast
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from analysis.record.connection.database import MISSING_DRIVER

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_conda_environment_has_the_same_list() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == PROJECT["dependencies"]
    (python,) = (e for e in environment["dependencies"] if isinstance(e, str) and e.startswith("python="))
    assert python.removeprefix("python=") in ("3.11", "3.12", "3.13")


def test_the_driver_for_a_database_server_is_an_extra_of_its_own_and_what_the_tests_have() -> None:
    extras = PROJECT["optional-dependencies"]
    (driver,) = extras["postgresql"]
    assert driver in extras["dev"]
    assert MISSING_DRIVER.endswith(f"pip install '{driver}'")
    assert f"pip install '{driver}'" in (ROOT / "environment.yml").read_text()


def test_the_wheel_has_every_package_and_the_command() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shipped = config["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert sorted(shipped) == ["ablations", "amc", "amc_gan.py", "analysis", "tuning"]
    assert all((ROOT / name).exists() for name in shipped)
    (command,) = PROJECT["scripts"].items()
    assert command == ("amc-gan", "amc_gan:main")
    assert callable(pkgutil.resolve_name(command[1]))


def test_supported_pythons() -> None:
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert "torch==2.13.0" in PROJECT["dependencies"]


def test_dependencies_are_what_the_packages_import() -> None:
    """Nothing missing that an import needs, nothing listed that no import needs."""
    renamed = {"PIL": "pillow", "markdown_it": "markdown-it-py"}
    declared = {re.split(r"[\[=<>~]", d)[0] for d in PROJECT["dependencies"]}
    own = {"amc", "analysis", "tuning", "ablations"}
    imported: set[str] = set()
    for path in (ROOT / "amc_gan.py", *(path for package in own for path in (ROOT / package).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.split(".")[0])
    foreign = {renamed.get(name, name) for name in imported - own - set(sys.stdlib_module_names)}
    optional = {re.split(r"[\[=<>~]", d)[0].removesuffix("-bin") for d in PROJECT["optional-dependencies"]["dlib"]}
    assert optional <= foreign
    # The pose estimator runs as a worker in an environment of its own (make pose).
    assert foreign - optional - {"mediapipe"} == declared


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout with nothing but what make reads, and a `python3` that only pretends to install."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    fake = tmp_path / "fake-python"
    fake.write_text(
        "#!/bin/sh\n"
        'echo "$@" >> "$LOG"\n'
        'case "$1 $2" in\n'
        '  "-m venv") for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;\n'
        "esac\n"
    )
    fake.chmod(0o755)
    return tmp_path


def _make(folder: Path, *arguments: str) -> tuple[int, str, list[str]]:
    """Exit code, standard error and the calls of the pretended Python."""
    log = folder / "calls"
    log.unlink(missing_ok=True)
    done = subprocess.run(
        ["make", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "LOG": str(log)},
    )
    return done.returncode, done.stderr, log.read_text().splitlines() if log.exists() else []


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@needs_make
def test_make_installs_once_and_again_when_the_project_changes(bare: Path) -> None:
    python = f"PYTHON={bare / 'fake-python'}"
    code, _, calls = _make(bare, "search", python)
    assert code == 0
    assert any("pip install" in call for call in calls)
    assert calls[-1] == "tuning/run_search.py --dataset natops"
    _, _, calls = _make(bare, "test", python)
    (call,) = calls
    assert re.fullmatch(r"-m pytest -n \S+ .*", call)
    assert "slow" not in call
    later = (bare / ".venv/.installed").stat().st_mtime + 10
    os.utime(bare / "pyproject.toml", (later, later))
    _, _, calls = _make(bare, "test-slow", python)
    assert any("pip install" in call for call in calls)
    assert not any("-m venv" in call for call in calls)  # the environment is kept
    assert re.fullmatch(r"-m pytest -n \S+ .* -m slow", calls[-1])


@needs_make
@pytest.mark.parametrize("name", ["no-such-python", "old"])
def test_make_names_the_python_it_needs(name: str, bare: Path) -> None:
    old = bare / "old"
    old.write_text('#!/bin/sh\ncase "$1" in --version) echo Python 3.8.1 ;; *) exit 3 ;; esac\n')
    old.chmod(0o755)
    code, error, _ = _make(bare, "test", f"PYTHON={name if name == 'no-such-python' else old}")
    assert code == 2
    assert "error: Python 3.11 to 3.13 is needed" in error
    assert "3.8.1" in error or name == "no-such-python"
    assert not (bare / ".venv").exists()


def test_shell_scripts_parse() -> None:
    for script in ("run", "lint"):
        subprocess.run(["bash", "-n", ROOT / ".ci" / script], check=True)
        assert os.access(ROOT / ".ci" / script, os.X_OK)
