"""A study record as schema version 1 had it: its tables and a study's rows, in plain SQL."""

from __future__ import annotations

import json

from analysis.record.schema import WRITES, connect, database_url

TABLES = """
CREATE TABLE amc_schema (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE study (
    name VARCHAR(200) NOT NULL, uid VARCHAR(32) NOT NULL, kind VARCHAR(40) NOT NULL, preset VARCHAR(40) NOT NULL,
    seed BIGINT NOT NULL, dataset TEXT NOT NULL, config TEXT NOT NULL, space TEXT NOT NULL, settings TEXT NOT NULL,
    versions TEXT NOT NULL, created FLOAT NOT NULL, PRIMARY KEY (name)
);
CREATE TABLE projection (
    study VARCHAR(200) NOT NULL, target VARCHAR(500) NOT NULL, "key" VARCHAR(100) NOT NULL,
    run_id VARCHAR(64) NOT NULL, cursor INTEGER NOT NULL, described BOOLEAN NOT NULL, pictured BOOLEAN NOT NULL,
    status VARCHAR(20) NOT NULL, PRIMARY KEY (study, target, "key"),
    FOREIGN KEY(study) REFERENCES study (name) ON DELETE CASCADE
);
CREATE TABLE trial (
    study VARCHAR(200) NOT NULL, "key" VARCHAR(100) NOT NULL, role VARCHAR(20) NOT NULL, number INTEGER NOT NULL,
    parent VARCHAR(100), state VARCHAR(20) NOT NULL, params TEXT NOT NULL, config TEXT NOT NULL, seed BIGINT NOT NULL,
    budget INTEGER NOT NULL, step INTEGER NOT NULL, value FLOAT, scores TEXT NOT NULL, attempts INTEGER NOT NULL,
    stalls INTEGER NOT NULL, seconds FLOAT NOT NULL, reason TEXT NOT NULL, mlflow_run_id VARCHAR(64),
    created FLOAT NOT NULL, started FLOAT, ended FLOAT, PRIMARY KEY (study, "key"), UNIQUE (study, role, number),
    FOREIGN KEY(study) REFERENCES study (name) ON DELETE CASCADE
);
CREATE TABLE point (
    id {serial} NOT NULL PRIMARY KEY, study VARCHAR(200) NOT NULL, "key" VARCHAR(100) NOT NULL, step INTEGER NOT NULL,
    attempt INTEGER NOT NULL, timestamp BIGINT NOT NULL, value FLOAT, metrics TEXT NOT NULL,
    UNIQUE (study, "key", step), FOREIGN KEY(study, "key") REFERENCES trial (study, "key") ON DELETE CASCADE
);
INSERT INTO amc_schema VALUES (1)
"""

THIRD = 0.1 + 0.2  # has more digits than databases print by themselves

ROWS = f"""
INSERT INTO study VALUES ('old', '0123456789abcdef', 'search', 'smoke', 9007199254740993,
    '{{"name": "toy", "origin": "procedural"}}', '{{"preset": "smoke"}}', '{{"fixed": {{}}}}', '{{"trials": 4}}',
    '{{"toy": "1"}}', 12.5);
INSERT INTO trial VALUES ('old', 'trial-0000', 'trial', 0, NULL, 'COMPLETE', '{{"weights.gan": 2.0}}',
    '{{"preset": "smoke"}}', 3000000000, 20, 20, {THIRD!r}, '{{"test/accuracy": 0.5}}', 2, 0, 3.5, 'lost', 'run-1',
    1.0, 2.0, 3.0);
INSERT INTO trial VALUES ('old', 'trial-0001', 'trial', 1, NULL, 'PRUNED', '{{"weights.gan": 0.5}}',
    '{{"preset": "smoke"}}', 1, 20, 10, NULL, '{{}}', 1, 0, 1.0, '', NULL, 1.0, 2.0, 3.0);
INSERT INTO trial VALUES ('old', 'trial-0002', 'trial', 2, NULL, 'WAITING', '{{}}', '{{"preset": "smoke"}}', 2, 20, 0,
    NULL, '{{}}', 0, 0, 0.0, '', NULL, 1.0, NULL, NULL);
INSERT INTO trial VALUES ('old', 'confirm-0000', 'confirm', 0, 'trial-0000', 'FAILED', '{{}}', '{{"preset": "smoke"}}',
    500000, 20, 0, NULL, '{{}}', 3, 3, 0.5, 'it''s diverged', NULL, 1.0, 2.0, 3.0);
INSERT INTO point (study, "key", step, attempt, timestamp, value, metrics) VALUES
    ('old', 'trial-0000', 10, 1, 1790000000000, 0.25, '{{"loss/gan": "inf", "val/accuracy": 0.25}}'),
    ('old', 'trial-0001', 10, 1, 1790000000001, NULL, '{{"val/accuracy": "nan"}}'),
    ('old', 'trial-0000', 20, 2, 1790000000002, {THIRD!r}, '{{"val/accuracy": {json.dumps(THIRD)}}}');
INSERT INTO projection VALUES ('old', 'sqlite:///m', 'trial-0000', 'run-1', 3, {{true}}, {{false}}, 'FINISHED')
"""


def make(address: str) -> None:
    """Makes the record at an empty address."""
    run(address, TABLES, ROWS)


def run(address: str, tables: str, rows: str) -> None:
    """Carries out statements, in the words of the database at this address."""
    url = database_url(address)
    words = {"serial": "INTEGER", "true": "1", "false": "0"}
    if url.get_backend_name() == "postgresql":
        words = {"serial": "SERIAL", "true": "true", "false": "false"}
    text = tables.replace("{serial}", words["serial"]) + ";" + rows
    for name in ("true", "false"):
        text = text.replace(f"{{{name}}}", words[name])
    engine = connect(url)
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        for statement in text.split(";"):
            connection.exec_driver_sql(statement)
    engine.dispose()
