from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc.config import Config
from analysis.record.states import COMPLETE
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row, trial_row
from tuning.engine.trial_cache import TrialCache

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
    record: RecordWriter, base: Config, events: list[tuple[str, object]]
) -> None:
    record.delete_study("toy")

    record.create_study(study_row(base))
    cache = TrialCache(record, "toy")
    for kind, what in events:
        if kind == "add":
            number = sum(row.role == what for row in cache.trials())
            row = trial_row(base, number, role=what, key=f"{what}-{number:04d}")
            record.add_trial(row)
            cache.refresh(row.key)
            continue
        rows = cache.trials()
        if not rows:
            continue
        row = rows[int(str(what)) % len(rows)]
        if kind == "begin" and row.state == "WAITING":
            record.begin("toy", row.key)
        elif kind == "report":
            if record.report("toy", row.key, row.attempts, row.step + 5, {"val/accuracy": 0.5}):
                cache.refresh_curve(row.key)
        elif kind == "finish":
            record.finish("toy", row.key, row.attempts, COMPLETE, value=0.5)
        elif kind == "release":
            record.release("toy", row.key, row.attempts, "lost", stalled=True)
        cache.refresh(row.key)
    fresh = TrialCache(record, "toy")
    assert cache.trials() == fresh.trials() == record.trials("toy")
    assert cache.scores == fresh.scores
    assert cache.curves == fresh.curves == record.curves("toy")
