"""The report of a clip file as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_LISTED = 60  # maximum characters of a list of subjects


def describe(report: Mapping[str, Any]) -> str:
    """The report of `amc.data.inspection.report` as text, with tables of classes and keypoints."""
    made, pixels, velocity = report["generator"], report["pixels"], report["velocity"]
    noted = {key: value for key, value in made.items() if key not in ("tool", "version", "arguments", "subjects")}
    lines = [
        f"{report['file']}: {report['name']}, origin={report['origin']}",
        f"  made by      {made.get('tool', '?')} {made.get('version', '?')}, {made.get('arguments', {})}",
        *([f"  noted        {noted}"] if noted else []),
        f"  fingerprint  {report['fingerprint']} (content checked)",
        f"  clips        {report['clips']} of {report['frames']} frames, {report['width']}x{report['height']} pixels, "
        f"from {report['sources']} sources; {report['duplicate_clips']} duplicates",
        f"  copies       {_copies(report['copies'])}",
        f"  pixels       {pixels['low']} to {pixels['high']}, mean {pixels['mean']:.1f} "
        f"({pixels['darkest_clip']:.1f} to {pixels['brightest_clip']:.1f} per clip; "
        f"{pixels['clips_of_one_colour']} clips of a single colour)",
        f"  velocity     median {velocity['median']:.2f}, 99% {velocity['quantile_99']:.2f}, "
        f"largest {velocity['largest']:.2f} pixels per frame",
        *_classes(report),
        *_subjects(report),
        *_keypoints(report),
        *_split(report["split"]),
    ]
    return "\n".join(lines)


def _copies(copies: Mapping[str, int]) -> str:
    return ", ".join(f"{_number(n, 'source')} of {_number(int(size), 'clip')}" for size, n in copies.items())


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _classes(report: Mapping[str, Any]) -> list[str]:
    """One row per class: clips in total, per part and per subject, share of valid keypoints, mean pixel value."""
    parts = report["split"].get("parts", {})
    width = _width(report["classes"])
    title = "".join(f"{name[:5]:>8}" for name in parts)
    lines = [f"  {'class':<{width}}{'clips':>8}{title}  per subj.  valid  pixels"]
    everyone = set(report["subjects"])
    for name, clips in report["classes"].items():
        of_subject = report["classes_by_subject"][name]
        each = sorted(of_subject.values()) or [0]
        counts = "".join(f"{part['classes'][name]:8d}" for part in parts.values())
        span = f"{each[0]}" if each[0] == each[-1] else f"{each[0]} to {each[-1]}"
        valid, mean = (
            table.get(name, float("nan"))
            for table in (report["keypoints"]["valid_by_class"], report["pixels"]["mean_by_class"])
        )
        missing, there = sorted(map(int, everyone - set(of_subject))), sorted(map(int, of_subject))
        few = f"  only subjects {_list(there)}" if len(there) < len(missing) else f"  without subjects {_list(missing)}"
        without = few if missing else ""
        lines.append(f"  {name:<{width}}{clips:8d}{counts}  {span:>9}  {valid:5.1%}  {mean:6.1f}{without}")
    return lines


def _subjects(report: Mapping[str, Any]) -> list[str]:
    names = report["generator"].get("subjects")
    named = names if isinstance(names, list) else []

    def shown(subject: str) -> str:
        number = int(subject)
        if number < 0:
            return "unknown"
        return f"{subject} ({named[number]})" if number < len(named) else subject

    return [
        "  clips per subject",
        "    " + ", ".join(f"{shown(s)}: {n}" for s, n in report["subjects"].items()),
    ]


def _keypoints(report: Mapping[str, Any]) -> list[str]:
    """One row per keypoint: share of valid frames, velocities, and the class with the smallest share."""
    points, velocity = report["keypoints"], report["velocity"]
    width = _width(points["valid"])
    lines = [f"  {'keypoint':<{width}}   valid  velocity 99%  largest  least valid in"]
    for name, share in points["valid"].items():
        by_class = {c: found[name] for c, found in points["valid_by_class_and_keypoint"].items()}
        worst, least = min(by_class.items(), key=lambda row: row[1])
        lines.append(
            f"  {name:<{width}}  {share:6.1%}  {velocity['quantile_99_by_keypoint'][name]:12.2f}  "
            f"{velocity['largest_by_keypoint'][name]:7.2f}" + (f"  {worst} ({least:.1%})" if least < 1 else "")
        )
    lines.append(
        f"    outside the frame {points['outside']:.2%}; {points['clips_without']} clips without valid keypoints"
    )
    return lines


def _split(split: Mapping[str, Any]) -> list[str]:
    if "error" in split:
        return [f"  split        none: {split['error']}"]
    lines = [f"  split        by {split['rule']}, seed {split['seed']}"]
    rows = split["parts"] | ({"left out": split["left_out"]} if split["left_out"]["clips"] else {})
    lines += [
        f"    {name:<11}{_number(part['clips'], 'clip'):>11}, {_number(part['sources'], 'source')}, "
        f"subjects {_list(part['subjects'])}"
        for name, part in rows.items()
    ]
    kept = "source or subject" if split["by_subject"] else "source"
    verdict = "; ".join(split["leaks"]) or f"passed: no {kept} and no frame is in two parts"
    return [*lines, f"  leak check   {verdict}"]


def _width(names: Mapping[str, Any]) -> int:
    return max(12, *(len(name) for name in names))


def _list(numbers: Sequence[int]) -> str:
    text = ", ".join(map(str, numbers))
    return text if len(text) <= _LISTED else f"{text[:_LISTED].rsplit(',', 1)[0]}, … ({len(numbers)})"
