"""The study record: one database per study, from which everything about the study can be rebuilt.

- Format: `schema` (tables), `rows` (a dataclass per table), `json_columns`, `states` (names of states, roles and Ours).
- Reading: `reading` (never changes the record), `ranking` (trials, best first), `lookup` (finds a study, one of its
  trials, and that trial's configuration).
- Writing: `writing` (every change of a study), on top of `writable` (creates the record, locks a study, runs
  transactions).
- `connection`: addresses, database engines and locks.
"""
