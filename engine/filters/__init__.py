"""The filter language: `regime:resisted eloquent:r>c margin<0.5 -is:tie "some words"`.

`language` knows its shape, `vocabulary` its words, `completion` what may follow. All pure; the
store turns a checked filter into SQL.
"""

from engine.filters.completion import complete
from engine.filters.language import parse
from engine.filters.vocabulary import Vocabulary, check

__all__ = ["Vocabulary", "check", "complete", "parse"]
