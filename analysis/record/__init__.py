"""The study record: one database per study, from which everything about the study can be rebuilt.

- Format: `schema` (tables), `rows` (a dataclass per table), `json_columns` (rows as stored), `states` (names of states,
  roles and Ours).
- Reading: `reading` (never changes the record), `ranking` (trials, best first), `race` (of the finalists),
  `lookup` (finds a study, one of its trials, and that trial's configuration).
- Writing: `writing` (trials, reports and score sheets) on top of `study_writing` (studies), `command_writing`
  (commands on a running study) and `writable` (creates the record, locks a study, runs transactions); `upgrading`
  (records of earlier schema versions).
- `connection`: addresses, database engines and locks.
"""
