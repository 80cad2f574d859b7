"""How batches reach models: executors, the requests they send, the processes that answer them."""
