"""Formats that are named instead of read."""

from __future__ import annotations

from pathlib import Path

import pytest

from amc.errors import UserError
from amc.importing.keypoints.reading import read_table


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [
        (
            "t.json",
            b'{"annotations": [{"image_id": 1, "keypoints": [1, 2, 2]}]}',
            "in COCO's format, but without the list 'images'",
        ),
        ("t.json", b'[{"image_id": 1, "keypoints": [1, 2, 2]}]', "in COCO's format, but without the list 'images'"),
        ("t.csv", b'{"people": []}', "one frame of OpenPose; give the folder with all of its files"),
        ("t.json", b'{"landmarks": []}', "a JSON file, not a table; .*For landmarks of MediaPipe"),
        ("t.h5", b"\x89HDF\r\n\x1a\n", r"deeplabcut.analyze_videos_converth5_to_csv\(FOLDER\) writes CSV files"),
        ("t.xlsx", b"PK\x03\x04", "a spreadsheet .*: save it as CSV"),
        ("t.npz", b"PK\x03\x04", "or an archive"),
        ("t.csv.gz", b"\x1f\x8b\x08\0", "a compressed file: unpack it first"),
        ("t.xml", b'<?xml version="1.0"?><annotations/>', "an XML or HTML file, not a table"),
        ("t.mat", b"MATLAB 5.0 MAT-file" + bytes(100), "a binary file or text in an unusual encoding"),
        ("t.parquet", b"PAR1" + bytes(40) + b"PAR1", "a binary file or text in an unusual encoding"),
        ("t.csv", "video,frame".encode("utf-32"), "a binary file or text in an unusual encoding"),
        ("t.csv", b"version https://git-lfs.github.com/spec/v1", "no column 'video' among version https://git-lfs"),
        ("t.pkl", b"\x80\x04\x95", "a pickle, which could run code and is not read"),
    ],
)
def test_other_formats_are_named_with_what_to_do(tmp_path: Path, name: str, content: bytes, advice: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=advice):
        read_table(tmp_path / name)
