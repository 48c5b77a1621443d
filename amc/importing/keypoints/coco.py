"""Reads COCO's keypoint annotations (https://cocodataset.org/#format-data) of frames that were saved as images.

A file has `images` (id, file_name, width, height), `annotations` (image_id, category_id, and keypoints = x, y and v of
each point in pixels from 0; v is 0 where the point is not labelled) and `categories` (keypoints: their names). The
format knows no videos, so the names of the images must say video and frame: `wave/anna_1/frame_0012.png`,
`wave/anna_1_0012.png`, with or without the video's ending. Frames count from 0, or from 1 if each video starts there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from amc.errors import UserError
from amc.importing.keypoints.table import FARTHEST, MOST_FRAMES, KeypointTable, VideoKeypoints

_WORD = "frame|image|img|im|f"
_NAME = re.compile(rf"(?P<video>.+?)[/ _.-](?:(?:{_WORD})[ _.-]?)?(?P<frame>\d+)", re.IGNORECASE)
_NAMING = "name images <video>/<frame>.png or <video>_<frame>.png"


def is_coco(content: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a JSON document has COCO's images and annotations."""
    return isinstance(content, dict) and isinstance(content.get("images"), list) and "annotations" in content


def read_coco(path: Path, content: Mapping[str, Any]) -> KeypointTable:
    """The points of all videos; of several people in an image, the person with the most points, then the largest.

    Args:
        path: for messages.
        content: the file's document.

    Raises:
        UserError: the file differs from the format, or an image does not say which video and frame it is.
    """
    try:
        names, best, crowded = _people(path, content["annotations"], content.get("categories", []))
        places, start = _places(path, content["images"])
        sizes = {image["id"]: _size(path, image) for image in content["images"]}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UserError(f"{path}: not COCO keypoint annotations ({error!r})") from error
    videos: dict[str, dict[int, Any]] = {}
    for image, (video, frame) in places.items():
        videos.setdefault(video, {})
        if image in best:
            videos[video][frame - start] = image
    rows = {}
    for video, images in videos.items():
        frames = sorted(images)
        found = {sizes[image] for image in images.values()}
        if len(found) > 1:
            raise UserError(f"{path}: the images of {video} have different sizes")
        points = np.array([best[images[frame]] for frame in frames]).reshape(-1, len(names), 2)
        size = next(iter(found), None)
        rows[video] = VideoKeypoints(np.array(frames, dtype=np.int64), points, np.full(len(frames), np.nan), size)
    remarks = ["read as COCO annotations", *(["frames of images counted from 1"] if start else [])]
    remarks += (
        [f"{crowded} images have several people, of whom the person with the most points is used"] if crowded else []
    )
    return KeypointTable(names, rows, remarks=tuple(remarks))


def _people(
    path: Path, annotations: list[dict[str, Any]], categories: list[dict[str, Any]]
) -> tuple[tuple[str, ...], dict[Any, NDArray[np.float64]], int]:
    """Names of the k points, the points (k, 2) by image, and the number of images with several people."""
    kinds = {kind["id"]: tuple(map(str, kind["keypoints"])) for kind in categories if kind.get("keypoints")}
    people = [one for one in annotations if one.get("keypoints") and not one.get("iscrowd")]
    if not people:
        raise UserError(f"{path}: no annotation has keypoints")
    used = {kinds.get(one["category_id"], ()) for one in people}
    if len(used) != 1 or () in used:
        wrong = "have different points; keep one" if len(used) > 1 else "do not name the points of its annotations"
        raise UserError(f"{path}: the categories {wrong}")
    (names,) = used
    best: dict[Any, tuple[tuple[int, float], NDArray[np.float64]]] = {}
    seen: dict[Any, int] = {}
    for one in people:
        values = np.array(one["keypoints"], dtype=np.float64).reshape(len(names), 3)
        image, area = one["image_id"], float(one.get("area") or 0)
        if np.isnan(values).any() or not math.isfinite(area):
            raise UserError(f"{path}: an annotation of image {image!r} has NaN, or an infinite area: give numbers")
        labelled = values[:, 2:] > 0
        rank = (int(labelled.sum()), area)
        seen[image] = seen.get(image, 0) + bool(rank[0])
        if image not in best or rank > best[image][0]:
            best[image] = rank, np.where(labelled, values[:, :2], np.nan)
    return names, {image: points for image, (_, points) in best.items()}, sum(count > 1 for count in seen.values())


def _size(path: Path, image: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height of an image."""
    try:
        width, height = int(image["width"]), int(image["height"])
    except (OverflowError, ValueError):
        width = height = 0
    if not (0 < width <= FARTHEST and 0 < height <= FARTHEST):
        raise UserError(f"{path}: image {image['file_name']!r}: give its width and height in pixels")
    return width, height


def _places(path: Path, images: list[dict[str, Any]]) -> tuple[dict[Any, tuple[str, int]], int]:
    """Video and frame of each image, and the number of a video's first frame."""
    places: dict[Any, tuple[str, int]] = {}
    for image in images:
        name = PurePosixPath(str(image["file_name"]).replace("\\", "/"))
        match = _NAME.fullmatch(str(name.with_suffix("")))
        if not match or re.fullmatch(_WORD, PurePosixPath(match["video"]).name, re.IGNORECASE):
            raise UserError(f"{path}: image {str(name)!r} does not say which video and frame it is: {_NAMING}")
        if int(match["frame"]) >= MOST_FRAMES:
            raise UserError(f"{path}: image {str(name)!r}: {match['frame']} is not a plausible frame")
        places[image["id"]] = match["video"], int(match["frame"])
    if len(set(places.values())) < len(images):
        raise UserError(f"{path}: two images are the same frame of a video, or have the same id")
    first: dict[str, int] = {}
    for video, frame in places.values():
        first[video] = min(frame, first.get(video, frame))
    if min(first.values(), default=0) > 0 and set(first.values()) != {1}:
        raise UserError(
            f"{path}: frames of images may count from 0 or from 1: list the image of each video's first frame, too"
        )
    return places, min(first.values(), default=0)
