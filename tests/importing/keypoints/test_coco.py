"""COCO's keypoint annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amc.errors import UserError
from amc.importing.keypoint_source import keypoint_source
from amc.importing.keypoints.reading import read_table
from amc.importing.keypoints.table import pixels_only
from amc.importing.video.decoding import VideoFacts

NAN = [np.nan, np.nan]
PERSON = {"id": 1, "name": "person", "keypoints": ["nose", "paw"], "skeleton": [[1, 2]]}


def _image(number: int, name: str, **changed: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": 320, "height": 240} | changed


def _one(image: int, *keypoints: float, **changed: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "image_id": image,
        "category_id": 1,
        "keypoints": list(keypoints),
        "area": 9,
        "iscrowd": 0,
    } | changed


def _file(
    path: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]], categories: object = (PERSON,)
) -> Path:
    path.write_text(json.dumps({"info": {}, "images": images, "annotations": annotations, "categories": categories}))
    return path


def test_points_by_video_and_frame(tmp_path: Path) -> None:
    """Of several people the person with the most points, then the largest; a crowd is nobody."""
    images = [_image(7, "wave/anna_1/frame_0001.png"), _image(8, "wave/anna_1/frame_0002.png")]
    images += [_image(9, "bend/ben_0001.jpg"), _image(10, "bend/ben_0002.jpg")]
    annotations = [_one(7, 10, 20, 2, 0, 0, 0), _one(8, 1, 2, 1, 3, 4, 2), _one(8, 5, 6, 2, 0, 0, 0, area=100)]
    annotations += [_one(10, 7, 8, 2, 0, 0, 0, area=1), _one(10, 0, 0, 0, 9, 9.5, 2), _one(9, *[1] * 6, iscrowd=1)]
    table = read_table(_file(tmp_path / "person_keypoints.json", images, annotations))
    assert table.names == ("nose", "paw")
    anna, ben = table.videos["wave/anna_1"], table.videos["bend/ben"]
    assert (anna.frame.tolist(), ben.frame.tolist()) == ([0, 1], [1])
    np.testing.assert_array_equal(anna.points, [[[10, 20], NAN], [[1, 2], [3, 4]]])
    np.testing.assert_array_equal(ben.points, [[NAN, [9, 9.5]]])
    several = "2 images have several people, of whom the person with the most points is used"
    assert table.remarks == ("read as COCO annotations", "frames of images counted from 1", several)


@pytest.mark.parametrize(
    ("name", "video", "frame"),
    [
        ("wave/anna.mp4/0012.png", "wave/anna.mp4", 12),
        ("wave/anna_1-img-12.jpg", "wave/anna_1", 12),
        ("wave\\anna\\Frame12.png", "wave/anna", 12),
        ("images/wave/anna 2.12.png", "images/wave/anna 2", 12),
        ("0003_0012.png", "0003", 12),
    ],
)
def test_names_of_images(tmp_path: Path, name: str, video: str, frame: int) -> None:
    first = name.replace("12", "0")
    table = read_table(_file(tmp_path / "t.json", [_image(1, name), _image(2, first)], [_one(1, 5, 6, 2, 7, 8, 2)]))
    assert {video: rows.frame.tolist() for video, rows in table.videos.items()} == {video: [frame]}
    assert table.remarks == ("read as COCO annotations",)


@pytest.mark.parametrize(
    ("images", "annotations", "categories", "said"),
    [
        (
            [_image(1, "frame_0000.png")],
            [_one(1, *[5] * 6)],
            [PERSON],
            "image 'frame_0000.png' does not say which",
        ),
        ([_image(1, "000000397133.jpg")], [_one(1, *[5] * 6)], [PERSON], "name images <video>/<frame>.png or"),
        ([_image(1, "v/5.png")], [_one(1, *[5] * 6)], [PERSON], "may count from 0 or from 1: list the image of each"),
        ([_image(1, "v/0.png"), _image(2, "v_0.png")], [_one(1, *[5] * 6)], [PERSON], "two images are the same frame"),
        ([_image(1, "v/0.png")], [_one(1, *[5] * 6)], [{"id": 1}], "the categories do not name the points"),
        ([_image(1, "v/0.png")], [_one(1, *[5] * 6)], [], "the categories do not name the points"),
        ([_image(1, "v/0.png")], [], [PERSON], "no annotation has keypoints"),
        (
            [_image(1, "v/0.png")],
            [_one(1, *[5] * 6), _one(1, 1, 1, 1, category_id=2)],
            [PERSON, {"id": 2, "keypoints": ["tail"]}],
            "the categories have different points; keep one",
        ),
        ([_image(1, "v/0.png")], [_one(1, 1, 2)], [PERSON], "not COCO keypoint annotations"),
        ([_image(1, "v/0.png")], [_one(1, 1e9, 1, 2, 1, 1, 2)], [PERSON], "nose is at (1e+09, 1)"),
        ([_image(1, "v/0.png")], [_one(1, 1, 1, 2, 1, np.inf, 2)], [PERSON], "frame 0 of v: paw is at (1, inf)"),
        ([_image(1, "v/0.png")], [_one(1, 10**400, 1, 2, 1, 1, 2)], [PERSON], "nose is at (inf, 1)"),
        ([_image(1, "v/0.png")], [_one(1, np.nan, *[1] * 5)], [PERSON], "an annotation of image 1 has NaN"),
        ([_image(1, "v/0.png")], [_one(1, *[5] * 6, area=10**400)], [PERSON], "or an infinite area"),
        ([_image(1, "v/0.png", width=np.inf)], [_one(1, *[5] * 6)], [PERSON], "'v/0.png': give its width and height"),
        ([_image(1, "v/0.png", height=10**400)], [_one(1, *[5] * 6)], [PERSON], "'v/0.png': give its width"),
        ([_image(1, "v/0.png", height=0)], [_one(1, *[5] * 6)], [PERSON], "'v/0.png': give its width and height"),
        (
            [_image(1, "v/0.png")],
            [_one(1, *[5] * 6)],
            [PERSON | {"keypoints": ["a", "a"]}],
            "the points are named 'a', 'a': give each a name of its own",
        ),
        ([{"id": 1}], [_one(1, *[5] * 6)], [PERSON], "not COCO keypoint annotations (KeyError('file_name'))"),
        (
            [_image(1, "v/0.png"), _image(2, "v/1.png", width=9)],
            [_one(1, *[5] * 6), _one(2, *[5] * 6)],
            [PERSON],
            "sizes",
        ),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]], categories: object, said: str
) -> None:
    with pytest.raises(UserError) as caught:
        read_table(_file(tmp_path / "t.json", images, annotations, categories))
    assert str(caught.value).startswith(f"{tmp_path / 't.json'}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_size_of_the_video(tmp_path: Path) -> None:
    """Images may have been made smaller than the video's frames: the points would be elsewhere."""
    path = _file(tmp_path / "t.json", [_image(1, "a/x/0.png")], [_one(1, 5, 6, 2, 7, 8, 2)])
    with keypoint_source(path, None) as source:
        assert source.unknown_videos(["a/x.mp4"]) == []
        rows = source.find("a/x.mp4", Path("a/x.mp4"), VideoFacts(frames=9, height=240, width=320))
        assert rows is not None
        np.testing.assert_array_equal(rows.points, [[[5, 6], [7, 8]]])
        with pytest.raises(UserError, match=r"a/x\.mp4 has 640x480 pixels, but the images of its keypoints 320x240"):
            source.find("a/x.mp4", Path("a/x.mp4"), VideoFacts(frames=9, height=480, width=640))
    with pytest.raises(UserError, match="read by `prepare folder` only"):
        pixels_only(path, read_table(path))


def test_points_that_are_not_used_may_be_anywhere(tmp_path: Path) -> None:
    path = _file(tmp_path / "t.json", [_image(1, "a/x/0.png")], [_one(1, 5, 6, 2, 1e300, 8, 0)])
    np.testing.assert_array_equal(read_table(path).videos["a/x"].points, [[[5, 6], NAN]])


def test_names_that_are_given_replace_repeated_ones(tmp_path: Path) -> None:
    categories = [PERSON | {"keypoints": ["a", "a"]}]
    path = _file(tmp_path / "t.json", [_image(1, "a/x/0.png")], [_one(1, 5, 6, 2, 7, 8, 2)], categories)
    assert read_table(path, ("nose", "paw")).names == ("nose", "paw")
