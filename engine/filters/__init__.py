"""The filter language: `regime:resisted eloquent:r>c margin<0.5 -is:tie "some words"`.

`language` parses the syntax, `vocabulary` checks fields and values, `completion` suggests what may
follow. All of it is pure; the store translates a checked filter into SQL.
"""

from engine.filters.completion import complete
from engine.filters.language import parse
from engine.filters.vocabulary import Vocabulary, check, hint

__all__ = ["Vocabulary", "check", "complete", "hint", "parse"]
