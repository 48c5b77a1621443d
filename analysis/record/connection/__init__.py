"""Connecting to the database of a record, and locking it; knows nothing of studies' tables.

- `address`: addresses of SQLite files and PostgreSQL servers.
- `database`: engines, transactions and retries; `read_only` opens SQLite files that it must not change.
- `lock`: lock files; `server_lock`: locks on a PostgreSQL server.
"""
