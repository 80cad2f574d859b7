-- Everything a run knows. Only this folder speaks SQL.
--
-- Texts are kept once, by content. A result's key holds the text and the `producer`: the digest of
-- all that made it (model, weights, prompt, settings). Results of other settings never mix.

CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

CREATE TABLE texts (
    text_id    INTEGER PRIMARY KEY,
    sha256     VARCHAR NOT NULL UNIQUE,
    transcript VARCHAR NOT NULL,
    context    VARCHAR NOT NULL,
    response   VARCHAR NOT NULL
);

CREATE TABLE pairs (
    pair_id       INTEGER PRIMARY KEY,
    source_id     VARCHAR NOT NULL UNIQUE,
    line          INTEGER NOT NULL,
    topic         VARCHAR,
    chosen_id     INTEGER NOT NULL REFERENCES texts (text_id),
    rejected_id   INTEGER NOT NULL REFERENCES texts (text_id),
    context_equal BOOLEAN NOT NULL
);

CREATE TABLE rejects (
    source VARCHAR NOT NULL, line INTEGER NOT NULL, reason VARCHAR NOT NULL,
    detail VARCHAR NOT NULL, excerpt VARCHAR NOT NULL
);

CREATE TABLE producers (
    producer VARCHAR PRIMARY KEY, role VARCHAR NOT NULL, model VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL
);

-- Which producer plays which role in the run that began last: `labeler main`, `pre`, `post`, …
CREATE TABLE roles (role VARCHAR PRIMARY KEY, producer VARCHAR NOT NULL);

-- The stored plan: what is computed together. A batch is done in one transaction with its results.
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

-- A reward model's second reward of a text, scored alone: how far apart the two lie is its noise.
CREATE TABLE rescored (
    producer VARCHAR NOT NULL, text_id INTEGER NOT NULL,
    reward DOUBLE NOT NULL CHECK (isfinite(reward)),
    PRIMARY KEY (producer, text_id)
);

-- A text that a model could not take, and why.
CREATE TABLE unusable (
    producer VARCHAR NOT NULL, text_id INTEGER NOT NULL, reason VARCHAR NOT NULL,
    PRIMARY KEY (producer, text_id)
);

-- `raw` is what the model wrote; `rewritten_id` the whole new entry, NULL where it was refused.
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
-- `actions` and `decisions` are a log: rows are added, never changed or removed. A decision is of
-- a pair's content, its source_id and two texts (which are kept for ever), so it outlives the
-- numbers of `pairs`. `marks` is what the log comes to, and can be made from it again.

-- Where nothing is said of a pair: verdict NULL, not flagged, an empty note, no tags.
CREATE TYPE mark_state AS STRUCT (verdict VARCHAR, flagged BOOLEAN, note VARCHAR, tags VARCHAR[]);

-- One thing that an author did, to any number of pairs. `target`: the change that it makes, takes
-- back or makes again. The time of an author's actions grows with their number, imports apart.
CREATE TABLE actions (
    action_no INTEGER PRIMARY KEY, time TIMESTAMP NOT NULL, author VARCHAR NOT NULL,
    study     VARCHAR NOT NULL, kind VARCHAR NOT NULL, target INTEGER NOT NULL,
    blind     BOOLEAN NOT NULL, said VARCHAR NOT NULL, pairs INTEGER NOT NULL
);

-- What an action did to one pair. No keys: an index would make the change of all pairs slow.
CREATE TABLE decisions (
    action_no INTEGER NOT NULL, source_id VARCHAR NOT NULL,
    chosen_id INTEGER NOT NULL, rejected_id INTEGER NOT NULL,
    old mark_state NOT NULL, new mark_state NOT NULL
);

CREATE MACRO says_something(state) AS
    state.verdict IS NOT NULL OR state.flagged OR state.note <> '' OR len(state.tags) > 0;

CREATE TABLE marks (
    author    VARCHAR NOT NULL, source_id VARCHAR NOT NULL,
    chosen_id INTEGER NOT NULL, rejected_id INTEGER NOT NULL,
    time      TIMESTAMP NOT NULL, state mark_state NOT NULL
);

-- The marks of the pairs that are in the dataset now.
CREATE VIEW pair_marks AS
SELECT p.pair_id, m.author, m.time, m.state.verdict AS verdict, m.state.flagged AS flagged,
       m.state.note AS note, m.state.tags AS tags
FROM marks AS m JOIN pairs AS p USING (source_id, chosen_id, rejected_id);

CREATE TABLE filters (name VARCHAR PRIMARY KEY, filter VARCHAR NOT NULL);
