"""The only place with DuckDB: the run's data and results."""

from engine.store.database import Store

__all__ = ["Store"]
