"""Back ends: the sources of labels, rewards, rewrites and similarities, one class each.

A back end defines its keys in the study file, states what it needs, and builds the model in a
worker. The built-in ones are a module per name in `labelers`, `rewards`, `rewriters` and
`embedders`; other packages provide theirs by entry point (`engine.registry`).
"""
