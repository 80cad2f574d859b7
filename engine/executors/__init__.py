"""Executors, the requests they send, and the worker processes that answer them."""
