"""Where labels, rewards, rewrites and similarities come from: one class per back end.

A back end owns the keys that it takes in the study file, says what it needs, and builds the model
in a worker. Built in is a module per name in `labelers`, `rewards`, `rewriters` and `embedders`;
other packages bring theirs by entry point (`engine.registry`).
"""
