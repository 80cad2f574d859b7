"""One module per executor, named as `executor.kind`."""
