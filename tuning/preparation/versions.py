"""Versions of Python, of the libraries that determine results, and of this program's source."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

_PACKAGES = {"amc": "amc-gan", **{name: name for name in ("torch", "ray", "optuna", "mlflow", "numpy")}}


def versions() -> dict[str, str]:
    """Versions by name: `python`, the installed packages, and `git`, the commit of the checkout, if there is one."""
    found = {"python": platform.python_version()}
    for name, package in _PACKAGES.items():
        try:
            found[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # a checkout that is not installed
    revision = git_revision()
    return found | ({"git": revision} if revision else {})


def git_revision() -> str:
    """The commit of this checkout, followed by "+" if files differ from it; empty outside a Git checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
        state = subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit.stdout.strip() + ("+" if state.stdout.strip() else "")
