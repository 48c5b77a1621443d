"""What a command that only reads must leave as it is."""

from __future__ import annotations

from pathlib import Path


def file_states(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Content, modification time and permissions of a folder and everything below it."""
    return {
        str(path.relative_to(folder)): (
            path.read_bytes() if path.is_file() else b"",
            path.stat().st_mtime_ns,
            path.stat().st_mode,
        )
        for path in [folder, *sorted(folder.rglob("*"))]
    }
