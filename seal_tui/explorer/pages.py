"""A long list seen through a window: every id, and only a few pages of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from textual.cache import LRUCache

from engine.errors import Fault

Row = TypeVar("Row")
PAGE = 128
MAX_PAGES = 32


class Pages(Generic[Row]):
    """The ids of a view in order, and the rows of the pages used last."""

    def __init__(
        self, ids: Sequence[int] = (), size: int = PAGE, max_pages: int = MAX_PAGES
    ) -> None:
        self.ids = ids
        self._size = size
        self._pages: LRUCache[int, list[Row]] = LRUCache(max_pages)

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, index: int) -> Row | None:
        """The row at `index`, or None while its page is not here."""
        page = self._pages.get(index // self._size)
        return None if page is None else page[index % self._size]

    def missing(self, first: int, last: int) -> list[int]:
        """The pages that rows `first` to `last` (inclusive) need and that are not here."""
        return [page for page in self._between(first, last) if page not in self._pages]

    def keep_only(self, first: int, last: int) -> list[int]:
        """Forgets every page but those of rows `first` to `last`; which of these are here."""
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

    def put(self, page: int, rows: list[Row]) -> None:
        """Takes in a page. A page of another length would show rows under foreign ids."""
        if len(rows) != len(self.ids_of(page)):
            raise Fault("the engine answered with another number of rows than asked for")
        self._pages.discard(page)  # the cache never replaces what it has under a key
        self._pages[page] = rows
