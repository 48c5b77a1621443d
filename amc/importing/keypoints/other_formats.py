"""Names files that are not read, with what to do."""

from __future__ import annotations

from pathlib import Path

from amc.errors import UserError

_TABLE = "a keypoint table with the columns video, frame, x_0…, y_0… (docs/data.md)"


def refuse_binary(path: Path, data: bytes) -> None:
    """Raises a `UserError` if a file is not text but in another known format."""
    if data.startswith(b"\x89HDF"):
        raise UserError(
            f"{path}: an HDF5 file, in which DeepLabCut keeps the names of the points as a Python pickle, which could "
            "run code and is not read: deeplabcut.analyze_videos_converth5_to_csv(FOLDER) writes CSV files; give their "
            "folder as --keypoints"
        )
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UserError(
            f"{path}: a spreadsheet of Excel or LibreOffice, or an archive: save it as CSV and give that file"
        )
    if data.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise UserError(f"{path}: a compressed file: unpack it first")
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise UserError(f"{path}: an XML or HTML file, not a table; write {_TABLE}")
    if data[:2] == b"\x80\x04" or path.suffix.lower() in (".pkl", ".pickle"):
        raise UserError(f"{path}: a pickle, which could run code and is not read; write {_TABLE}")
    if b"\0\0\0" in data[:4000]:  # no text in UTF-8, UTF-16 or Windows-1252
        raise UserError(f"{path}: a binary file or text in an unusual encoding, not a table; write {_TABLE} as UTF-8")


def refuse_json(path: Path, content: object) -> UserError:
    """What to say about a JSON file that is not read."""
    first = content[0] if isinstance(content, list) and content else None
    if isinstance(content, dict) and "people" in content:
        return UserError(
            f"{path}: one frame of OpenPose; give the folder with all of its files <video>_<frame>_keypoints.json"
        )
    if (isinstance(content, dict) and "annotations" in content) or (isinstance(first, dict) and "image_id" in first):
        return UserError(
            f"{path}: keypoints of images in COCO's format, but without the list 'images', which says which video and "
            "frame an image is: give one file with images, annotations and categories"
        )
    return UserError(
        f"{path}: a JSON file, not a table; write {_TABLE}. For landmarks of MediaPipe, x and y from 0 to 1 are read"
    )
