"""The study record: one database per study, from which everything about the study can be rebuilt.

- Format: `schema` (tables), `rows` (a dataclass per table), `json_columns`, `states` (names of trial states and roles).
- Reading: `reading` (never changes the record), `found` (looks up what an earlier study found), `ranking` (best first).
- Writing: `writing`, on top of `writable` (creates the record, locks a study, runs transactions).
- Locking: `lock` (lock files), `server_lock` (locks on a PostgreSQL server).
- Access to the database: `address`, `database`, `read_only` (SQLite files).
"""
