"""A long list: all ids in memory, and only a few pages of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from textual.cache import LRUCache

from engine.errors import Fault

Row = TypeVar("Row")
PAGE = 128
MAX_PAGES = 32


class Pages(Generic[Row]):
    """The ids of a view in order, and the rows of the most recently used pages."""

    def __init__(
        self, ids: Sequence[int] = (), size: int = PAGE, max_pages: int = MAX_PAGES
    ) -> None:
        self.ids = ids
        self._size = size
        self._pages: LRUCache[int, Sequence[Row]] = LRUCache(max_pages)

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, index: int) -> Row | None:
        """The row at `index`, or None if its page is not loaded."""
        page = self._pages.get(index // self._size)
        return None if page is None else page[index % self._size]

    def missing(self, first: int, last: int) -> list[int]:
        """The pages of rows `first` to `last` (inclusive) that are not loaded."""
        return [page for page in self._between(first, last) if page not in self._pages]

    def keep_only(self, first: int, last: int) -> list[int]:
        """Drop all pages but those of rows `first` to `last`; return those that are loaded."""
        pages = [page for page in self._between(first, last) if page in self._pages]
        rows = [self._pages[page] for page in pages]
        self._pages.clear()
        for page, content in zip(pages, rows, strict=True):
            self._pages[page] = content
        return pages

    def _between(self, first: int, last: int) -> range:
        last = min(last, len(self.ids) - 1)
        if last < first:
            return range(0)
        return range(max(first, 0) // self._size, last // self._size + 1)

    def ids_of(self, page: int) -> Sequence[int]:
        return self.ids[page * self._size : (page + 1) * self._size]

    def put(self, page: int, rows: Sequence[Row]) -> None:
        """Store a page. Raises Fault if its length is wrong: rows would appear under other ids."""
        if len(rows) != len(self.ids_of(page)):
            raise Fault("the engine returned a different number of rows than requested")
        self._pages.discard(page)  # the cache never replaces an existing key
        self._pages[page] = rows
