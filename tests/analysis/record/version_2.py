"""A study record as schema version 2 had it: its tables and a study's rows, in plain SQL."""

from __future__ import annotations

from tests.analysis.record.version_1 import THIRD, run

TABLES = """
CREATE TABLE amc_schema (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE study (
    name VARCHAR(200) NOT NULL, uid VARCHAR(32) NOT NULL, kind VARCHAR(40) NOT NULL, preset VARCHAR(40) NOT NULL,
    seed BIGINT NOT NULL, dataset TEXT NOT NULL, config TEXT NOT NULL, space TEXT NOT NULL, settings TEXT NOT NULL,
    versions TEXT NOT NULL, created FLOAT NOT NULL, goal TEXT NOT NULL, PRIMARY KEY (name)
);
CREATE TABLE imported (
    study VARCHAR(200) NOT NULL, source VARCHAR(200) NOT NULL, "key" VARCHAR(100) NOT NULL,
    source_uid VARCHAR(32) NOT NULL, number INTEGER NOT NULL, state VARCHAR(20) NOT NULL, preset VARCHAR(40) NOT NULL,
    dataset TEXT NOT NULL, config TEXT NOT NULL, budget INTEGER NOT NULL, curve TEXT NOT NULL,
    PRIMARY KEY (study, source, "key"), FOREIGN KEY(study) REFERENCES study (name) ON DELETE CASCADE
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
    created FLOAT NOT NULL, started FLOAT, ended FLOAT, "values" TEXT NOT NULL, violation FLOAT, alone BOOLEAN NOT NULL,
    PRIMARY KEY (study, "key"), UNIQUE (study, role, number),
    FOREIGN KEY(study) REFERENCES study (name) ON DELETE CASCADE
);
CREATE TABLE point (
    id {serial} NOT NULL PRIMARY KEY, study VARCHAR(200) NOT NULL, "key" VARCHAR(100) NOT NULL, step INTEGER NOT NULL,
    attempt INTEGER NOT NULL, timestamp BIGINT NOT NULL, value FLOAT, metrics TEXT NOT NULL, "values" TEXT NOT NULL,
    violation FLOAT, UNIQUE (study, "key", step),
    FOREIGN KEY(study, "key") REFERENCES trial (study, "key") ON DELETE CASCADE
);
INSERT INTO amc_schema VALUES (2)
"""

ROWS = f"""
INSERT INTO study VALUES ('old', '0123456789abcdef', 'table4', 'smoke', 9007199254740993,
    '{{"name": "toy", "origin": "procedural"}}', '{{"preset": "smoke"}}', '{{}}', '{{"seeds": 1}}',
    '{{"toy": "1"}}', 12.5, '{{"constraints": ["loss/gan <= 2"], "objectives": ["accuracy", "appearance"]}}');
INSERT INTO imported VALUES ('old', 'older', 'trial-0000', 'fedcba', 3, 'COMPLETE', 'smoke',
    '{{"name": "toy"}}', '{{"preset": "smoke"}}', 20, '[[10, {{"val/accuracy": 0.25}}]]');
INSERT INTO trial VALUES ('old', 'ours-seed-0', 'trial', 0, NULL, 'COMPLETE', '{{"arm": "ours"}}',
    '{{"preset": "smoke"}}', 3000000000, 20, 20, {THIRD!r}, '{{"test/accuracy": 0.5, "test/clips": 8.0}}', 2, 0, 3.5,
    'lost', 'run-1', 1.0, 2.0, 3.0, '{{"val/accuracy": {THIRD!r}, "val/appearance": 0.75}}', 0.125, {{true}});
INSERT INTO trial VALUES ('old', 'no_ya-seed-0', 'trial', 1, NULL, 'WAITING', '{{"arm": "no_ya"}}',
    '{{"preset": "smoke"}}', 2, 20, 0, NULL, '{{}}', 1, 0, 0.0, '', NULL, 1.0, 2.0, NULL, '{{}}', NULL, {{false}});
INSERT INTO point (study, "key", step, attempt, timestamp, value, metrics, "values", violation) VALUES
    ('old', 'ours-seed-0', 20, 2, 1790000000000, {THIRD!r}, '{{"loss/gan": "inf", "val/accuracy": {THIRD!r}}}',
     '{{"val/accuracy": {THIRD!r}, "val/appearance": 0.75}}', 0.125);
INSERT INTO projection VALUES ('old', 'sqlite:///m', 'ours-seed-0', 'run-1', 1, {{true}}, {{true}}, 'FINISHED')
"""


def make(address: str) -> None:
    """Makes the record at an empty address."""
    run(address, TABLES, ROWS)
