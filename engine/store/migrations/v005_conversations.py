"""From schema 4 to 5: conversations, groups, facts about pairs, and the rows as they came.

All older texts are transcripts. The facts and rows of older pairs are unknown until the data is
read again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_TEXTS = """
CREATE TABLE texts (
    text_id    INTEGER PRIMARY KEY,
    sha256     VARCHAR NOT NULL UNIQUE,
    transcript VARCHAR NOT NULL,
    messages   VARCHAR,
    response   VARCHAR NOT NULL
)
"""
_PAIRS = """
CREATE TABLE pairs (
    pair_id        INTEGER PRIMARY KEY,
    source_id      VARCHAR NOT NULL UNIQUE,
    line           INTEGER NOT NULL,
    topic          VARCHAR,
    chosen_id      INTEGER NOT NULL REFERENCES texts (text_id),
    rejected_id    INTEGER NOT NULL REFERENCES texts (text_id),
    context_equal  BOOLEAN NOT NULL,
    group_no       INTEGER,
    margin_human   DOUBLE,
    votes          STRUCT (chosen INTEGER, rejected INTEGER, tied INTEGER),
    score_chosen   DOUBLE,
    score_rejected DOUBLE,
    model_chosen   VARCHAR,
    model_rejected VARCHAR,
    source_rows    INTEGER[] NOT NULL,
    place          VARCHAR NOT NULL
)
"""
_REWRITES = """
CREATE TABLE rewrites (
    producer VARCHAR NOT NULL, strategy VARCHAR NOT NULL, text_id INTEGER NOT NULL,
    raw VARCHAR NOT NULL, refused VARCHAR, rewritten_id INTEGER REFERENCES texts (text_id),
    PRIMARY KEY (producer, strategy, text_id)
)
"""
_PAIR_MARKS = """
CREATE VIEW pair_marks AS
SELECT p.pair_id, m.author, m.time, m.state.verdict AS verdict, m.state.flagged AS flagged,
       m.state.note AS note, m.state.tags AS tags
FROM marks AS m JOIN pairs AS p USING (source_id, chosen_id, rejected_id)
"""
_VOTES = """
CREATE TABLE votes (pair_id INTEGER NOT NULL, annotator VARCHAR NOT NULL, score DOUBLE NOT NULL)
"""
_SOURCE_ROWS = """
CREATE TABLE source_rows (
    row_no INTEGER PRIMARY KEY, file VARCHAR NOT NULL, line INTEGER NOT NULL,
    layout VARCHAR NOT NULL, content VARCHAR NOT NULL
)
"""
_REJECTS = """
CREATE TABLE rejects (
    source VARCHAR NOT NULL, line INTEGER NOT NULL, reason VARCHAR NOT NULL,
    detail VARCHAR NOT NULL, excerpt VARCHAR NOT NULL, source_rows INTEGER[] NOT NULL
)
"""


def migrate(cursor: Any, folder: Path) -> None:
    # A table that others refer to cannot lose a column, so all of them are made anew.
    for table in ("texts", "pairs", "rewrites", "rejects"):
        cursor.execute(f"CREATE TEMP TABLE old_{table} AS SELECT * FROM {table}")
    cursor.execute("DROP VIEW pair_marks")
    for table in ("pairs", "rewrites", "texts", "rejects"):
        cursor.execute(f"DROP TABLE {table}")
    for statement in (_TEXTS, _PAIRS, _REWRITES, _PAIR_MARKS, _VOTES, _SOURCE_ROWS, _REJECTS):
        cursor.execute(statement)
    cursor.execute(
        "INSERT INTO texts SELECT text_id, sha256, transcript, NULL, response FROM old_texts"
    )
    cursor.execute(
        "INSERT INTO pairs SELECT pair_id, source_id, line, topic, chosen_id, rejected_id, "
        "context_equal, NULL, NULL, NULL, NULL, NULL, NULL, NULL, [], '' FROM old_pairs"
    )
    cursor.execute("INSERT INTO rewrites SELECT * FROM old_rewrites")
    cursor.execute("INSERT INTO rejects SELECT *, [] FROM old_rejects")
    for table in ("texts", "pairs", "rewrites", "rejects"):
        cursor.execute(f"DROP TABLE old_{table}")
