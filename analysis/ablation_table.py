"""Table 4 from a study's record: an arm a row, its seeds' test accuracies, and its paired difference to Ours."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.records import Records, StudyRow, TrialRow
from analysis.states import COMPLETE
from analysis.statistics import holm, mean_interval, sign_flip_p

OURS = "ours"
TEST = "test/accuracy"


def ablation_table(records: Records, study: str) -> dict[str, Any]:
    """The table's content; accuracies and differences in percent.

    The arms, their titles and the paper's figures are the study's own setting `arms`, so the record is all it takes.
    A difference is over the seeds that both arms have finished; p is exact and Holm-corrected over the arms compared.
    """
    row, trials = records.study(study), records.trials(study)
    values = _by_arm(trials)
    ours = values.get(OURS, {})
    rows = [_row(arm, values.get(arm["arm"], {}), ours) for arm in row.settings["arms"]]
    compared = [entry for entry in rows if entry["p"] is not None]
    for entry, p in zip(compared, holm([entry["p"] for entry in compared]), strict=True):
        entry["p_holm"] = p
    return {"caption": _caption(row, trials), "rows": rows}


def write_tables(content: Mapping[str, Any], folder: Path, name: str) -> None:
    """Writes `name`.{md,csv,tex,json} into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    forms = {"json": json.dumps(content, indent=2, allow_nan=False) + "\n", "md": markdown(content)}
    forms |= {"csv": _csv(content), "tex": _latex(content)}
    for suffix, text in forms.items():
        partial = folder / f".{name}.{suffix}.{os.getpid()}"
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, folder / f"{name}.{suffix}")


def markdown(content: Mapping[str, Any]) -> str:
    """The table for people."""
    lines = [
        _sentence(content["caption"]),
        "",
        "| " + " | ".join(_HEAD) + " |",
        "| --- |" + " ---: |" * (len(_HEAD) - 1),
    ]
    lines += ["| " + " | ".join(cells) + " |" for cells in _cells(content)]
    return "\n".join(lines) + "\n"


_HEAD = ("arm", "paper", "ours, %", "95% interval", "seeds", "difference", "its 95% interval", "p (Holm)")


def _by_arm(trials: Sequence[TrialRow]) -> dict[str, dict[int, float]]:
    """Test accuracy by arm and training seed, of the runs that are complete."""
    found: dict[str, dict[int, float]] = {}
    for trial in trials:
        if trial.state == COMPLETE and TEST in trial.scores:
            found.setdefault(str(trial.params["arm"]), {})[trial.seed] = 100 * trial.scores[TEST]
    return found


def _row(arm: Mapping[str, Any], values: Mapping[int, float], ours: Mapping[int, float]) -> dict[str, Any]:
    entry: dict[str, Any] = {"arm": arm["arm"], "title": arm["title"], "paper": arm["paper"]}
    entry |= {"mean": None, "ci95": None, "n_seeds": len(values)}
    entry |= {"difference": None, "difference_ci95": None, "p": None, "p_holm": None}
    entry["values"] = {str(seed): value for seed, value in sorted(values.items())}
    if values:
        estimate = mean_interval(list(values.values()))
        entry["mean"], entry["ci95"] = estimate.mean, _held(estimate.interval)
    paired = [values[seed] - ours[seed] for seed in sorted(values.keys() & ours.keys())]
    if arm["arm"] != OURS and paired:
        difference = mean_interval(paired)
        entry["difference"] = difference.mean
        entry["difference_ci95"] = None if difference.interval is None else list(difference.interval)
        entry["p"] = sign_flip_p(paired)
    return entry


def _held(interval: tuple[float, float] | None) -> list[float] | None:
    # An accuracy lies in 0 to 100, which the t interval does not know.
    return None if interval is None else [max(0.0, interval[0]), min(100.0, interval[1])]


def _caption(row: StudyRow, trials: Sequence[TrialRow]) -> dict[str, Any]:
    done = sum(trial.state == COMPLETE for trial in trials)
    data = row.dataset
    return {
        "study": row.name,
        "dataset": data["name"],
        "origin": data["origin"],
        "fingerprint": data["fingerprint"],
        "preset": row.preset,
        "split": data["split"],
        "seeds": row.settings["seeds"],
        "chance": 100 * data["chance"],
        "real_accuracy": 100 * data["real_accuracy"]["test"],
        "runs": done,
        "runs_planned": len(row.settings["arms"]) * row.settings["seeds"],
        "smallest_p": 2 / 2 ** row.settings["seeds"],
    }


def _sentence(caption: Mapping[str, Any]) -> str:
    text = (
        f"{caption['study']}: accuracy in % of the motion classifier on clips generated for {caption['split']['test']} "
        f"test clips; {caption['dataset']}, origin={caption['origin']}, split by {caption['split']['rule']}, "
        f"preset {caption['preset']}, {caption['seeds']} seeds; chance {caption['chance']:.1f}, "
        f"real clips {caption['real_accuracy']:.1f}. "
        f"With {caption['seeds']} paired seeds no p can be below {caption['smallest_p']:.3g}."
    )
    if caption["runs"] < caption["runs_planned"]:
        text += f" NOT FINISHED: {caption['runs']} of {caption['runs_planned']} runs."
    return text


def _cells(content: Mapping[str, Any]) -> list[list[str]]:
    def number(value: float | None, form: str = ".1f") -> str:
        return "-" if value is None else format(value, form)

    def span(value: Sequence[float] | None) -> str:
        return "-" if value is None else f"{value[0]:.1f} to {value[1]:.1f}"

    return [
        [
            row["title"],
            number(row["paper"], ".2f"),
            number(row["mean"]),
            span(row["ci95"]),
            str(row["n_seeds"]),
            number(row["difference"], "+.1f"),
            span(row["difference_ci95"]),
            number(row["p_holm"], ".3f"),
        ]
        for row in content["rows"]
    ]


def _csv(content: Mapping[str, Any]) -> str:
    out = io.StringIO()
    names = [name for name in content["rows"][0] if name != "values"]
    shared = {name: content["caption"][name] for name in ("study", "dataset", "origin", "preset", "chance")}
    shared["split_rule"] = content["caption"]["split"]["rule"]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*names, "values", *shared])
    for row in content["rows"]:
        cells = [" ".join(map(str, row[n])) if isinstance(row[n], list) else row[n] for n in names]
        writer.writerow([*cells, " ".join(f"{s}:{v}" for s, v in row["values"].items()), *shared.values()])
    return out.getvalue()


def _latex(content: Mapping[str, Any]) -> str:
    def safe(text: str) -> str:
        for character in "&%_#":
            text = text.replace(character, f"\\{character}")
        return text

    lines = ["\\begin{table}", f"\\caption{{{safe(_sentence(content['caption']))}}}"]
    lines += ["\\begin{tabular}{l" + "r" * (len(_HEAD) - 1) + "}", "\\hline"]
    lines += [" & ".join(map(safe, _HEAD)) + " \\\\", "\\hline"]
    lines += [" & ".join(map(safe, cells)) + " \\\\" for cells in _cells(content)]
    return "\n".join([*lines, "\\hline", "\\end{tabular}", "\\end{table}", ""])
