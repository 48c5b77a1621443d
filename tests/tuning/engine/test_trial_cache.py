from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc.config import Config
from analysis.record.states import COMPLETE
from analysis.record.writing import Record
from tests.tuning.toy_rows import study_row, trial_row
from tuning.engine.trial_cache import Standing

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(["trial", "confirm"])),
        st.tuples(st.just("begin"), st.integers(0, 5)),
        st.tuples(st.just("report"), st.integers(0, 5)),
        st.tuples(st.just("finish"), st.integers(0, 5)),
        st.tuples(st.just("release"), st.integers(0, 5)),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS)
def test_what_is_remembered_is_what_is_on_record(
    record: Record, base: Config, events: list[tuple[str, object]]
) -> None:
    record.delete_study("toy")

    record.create_study(study_row(base))
    standing = Standing(record, "toy")
    for kind, what in events:
        if kind == "add":
            number = sum(row.role == what for row in standing.trials())
            row = trial_row(base, number, role=what, key=f"{what}-{number:04d}")
            record.add_trial(row)
            standing.again(row.key)
            continue
        rows = standing.trials()
        if not rows:
            continue
        row = rows[int(str(what)) % len(rows)]
        if kind == "begin" and row.state == "WAITING":
            record.begin("toy", row.key)
        elif kind == "report":
            if record.report("toy", row.key, row.attempts, row.step + 5, {"val/accuracy": 0.5}):
                standing.reported(row.key)
        elif kind == "finish":
            record.finish("toy", row.key, row.attempts, COMPLETE, value=0.5)
        elif kind == "release":
            record.release("toy", row.key, row.attempts, "lost", stalled=True)
        standing.again(row.key)
    fresh = Standing(record, "toy")
    assert standing.trials() == fresh.trials() == record.trials("toy")
    assert standing.scores == fresh.scores
    assert standing.curves == fresh.curves == record.curves("toy")
