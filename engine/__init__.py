"""The engine of the SEAL explorer: data, models, runs, the paper's measures, the store."""

__version__ = "0.1.0"
