-- The database of a run. Only engine/store contains SQL.
--
-- Texts are stored once, by content. The key of a result is its text and its `producer`: the digest
-- of everything that determines it (model, weights, prompt, settings). Results of different settings
-- never mix.

CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

-- A conversation. `transcript` is all of it as one text; `messages` is its encoded form where a
-- transcript cannot hold it (see engine/data/conversation.py), else NULL. `sha256` is that of the
-- encoded form.
CREATE TABLE texts (
    text_id    INTEGER PRIMARY KEY,
    sha256     VARCHAR NOT NULL UNIQUE,
    transcript VARCHAR NOT NULL,
    messages   VARCHAR,
    response   VARCHAR NOT NULL
);

-- `group_no` is equal for pairs that share a prompt, NULL for a pair that shares it with no other.
-- `margin_human` and the scores are those of the source; `votes` counts annotators by what they
-- preferred. `source_rows` are the rows that the pair came from, `place` where in them it is.
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
);

-- The answer of one annotator about a pair: positive for the chosen side, 0 for a tie.
CREATE TABLE votes (pair_id INTEGER NOT NULL, annotator VARCHAR NOT NULL, score DOUBLE NOT NULL);

-- The rows of the dataset as they came, each a JSON object, so that they can be written again.
CREATE TABLE source_rows (
    row_no INTEGER PRIMARY KEY, file VARCHAR NOT NULL, line INTEGER NOT NULL,
    layout VARCHAR NOT NULL, content VARCHAR NOT NULL
);

CREATE TABLE rejects (
    source VARCHAR NOT NULL, line INTEGER NOT NULL, reason VARCHAR NOT NULL,
    detail VARCHAR NOT NULL, excerpt VARCHAR NOT NULL, source_rows INTEGER[] NOT NULL
);

CREATE TABLE producers (
    producer VARCHAR PRIMARY KEY, role VARCHAR NOT NULL, model VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL
);

-- The producer in each role in the run that began last: `labeler main`, `pre`, `post`, …
CREATE TABLE roles (role VARCHAR PRIMARY KEY, producer VARCHAR NOT NULL);

-- The stored plan: the texts that are computed together. A batch is marked done in the transaction
-- that stores its results.
CREATE TABLE batches (
    stage VARCHAR NOT NULL, producer VARCHAR NOT NULL, batch_no INTEGER NOT NULL,
    units INTEGER[] NOT NULL, done BOOLEAN NOT NULL DEFAULT FALSE, seconds DOUBLE,
    PRIMARY KEY (stage, producer, batch_no)
);

CREATE TABLE labels (
    producer VARCHAR NOT NULL, text_id INTEGER NOT NULL,
    "values" TINYINT[] NOT NULL, scores FLOAT[] NOT NULL,
    PRIMARY KEY (producer, text_id)
);

CREATE TABLE scores (
    producer VARCHAR NOT NULL, text_id INTEGER NOT NULL,
    -- NaN > 1 is true in DuckDB: a NaN reward would count as aligned.
    reward DOUBLE NOT NULL CHECK (isfinite(reward)),
    tokens INTEGER NOT NULL, truncated BOOLEAN NOT NULL,
    PRIMARY KEY (producer, text_id)
);

-- A second reward of a text, scored alone: the difference from the first is the model's noise.
CREATE TABLE rescored (
    producer VARCHAR NOT NULL, text_id INTEGER NOT NULL,
    reward DOUBLE NOT NULL CHECK (isfinite(reward)),
    PRIMARY KEY (producer, text_id)
);

-- A text that a model could not process, and why.
CREATE TABLE unusable (
    producer VARCHAR NOT NULL, text_id INTEGER NOT NULL, reason VARCHAR NOT NULL,
    PRIMARY KEY (producer, text_id)
);

-- `raw` is the model's output; `rewritten_id` the whole new entry, NULL if it was refused.
CREATE TABLE rewrites (
    producer VARCHAR NOT NULL, strategy VARCHAR NOT NULL, text_id INTEGER NOT NULL,
    raw VARCHAR NOT NULL, refused VARCHAR, rewritten_id INTEGER REFERENCES texts (text_id),
    PRIMARY KEY (producer, strategy, text_id)
);

CREATE TABLE similarities (
    producer VARCHAR NOT NULL, text_id INTEGER NOT NULL, rewritten_id INTEGER NOT NULL,
    cosine DOUBLE NOT NULL CHECK (isfinite(cosine)),
    PRIMARY KEY (producer, text_id, rewritten_id)
);

-- ---------------------------------------------------------------- decisions
--
-- `actions` and `decisions` are a log: rows are added, never changed or removed. A decision refers
-- to a pair by its content, that is its source_id and two texts (which are never deleted), so it
-- outlives the numbering of `pairs`. `marks` is the state that results from the log, and can be
-- rebuilt from it.

-- A pair without a mark has verdict NULL, no flag, an empty note and no tags.
CREATE TYPE mark_state AS STRUCT (verdict VARCHAR, flagged BOOLEAN, note VARCHAR, tags VARCHAR[]);

-- One action of an author, on any number of pairs. `target`: the change that it makes, undoes or
-- redoes. `session`: the client's, empty if it named none. The time of an author's actions increases with their number, except for imports.
CREATE TABLE actions (
    action_no INTEGER PRIMARY KEY, time TIMESTAMP NOT NULL, author VARCHAR NOT NULL,
    study     VARCHAR NOT NULL, kind VARCHAR NOT NULL, target INTEGER NOT NULL,
    blind     BOOLEAN NOT NULL, summary VARCHAR NOT NULL, pairs INTEGER NOT NULL,
    session   VARCHAR NOT NULL
);

-- The effect of an action on one pair. No keys: an index would make a change to all pairs slow.
CREATE TABLE decisions (
    action_no INTEGER NOT NULL, source_id VARCHAR NOT NULL,
    chosen_id INTEGER NOT NULL, rejected_id INTEGER NOT NULL,
    old mark_state NOT NULL, new mark_state NOT NULL
);

CREATE MACRO is_marked(state) AS
    state.verdict IS NOT NULL OR state.flagged OR state.note <> '' OR len(state.tags) > 0;

CREATE TABLE marks (
    author    VARCHAR NOT NULL, source_id VARCHAR NOT NULL,
    chosen_id INTEGER NOT NULL, rejected_id INTEGER NOT NULL,
    time      TIMESTAMP NOT NULL, state mark_state NOT NULL
);

-- The marks of the pairs in the current dataset.
CREATE VIEW pair_marks AS
SELECT p.pair_id, m.author, m.time, m.state.verdict AS verdict, m.state.flagged AS flagged,
       m.state.note AS note, m.state.tags AS tags
FROM marks AS m JOIN pairs AS p USING (source_id, chosen_id, rejected_id);

-- Decisions that were brought back from decisions.jsonl before the texts of their pairs: they become
-- `decisions` when these texts are stored.
CREATE TABLE waiting (
    action_no INTEGER NOT NULL, source_id VARCHAR NOT NULL,
    chosen_sha VARCHAR NOT NULL, rejected_sha VARCHAR NOT NULL,
    old mark_state NOT NULL, new mark_state NOT NULL
);

-- The log, with the texts by content.
CREATE VIEW logged AS
SELECT d.action_no, d.source_id, c.sha256 AS chosen_sha, r.sha256 AS rejected_sha, d.old, d.new
FROM decisions AS d
JOIN texts AS c ON c.text_id = d.chosen_id JOIN texts AS r ON r.text_id = d.rejected_id
UNION ALL
SELECT action_no, source_id, chosen_sha, rejected_sha, old, new FROM waiting;

CREATE TABLE filters (name VARCHAR PRIMARY KEY, filter VARCHAR NOT NULL);
