"""Labelers, reward models, rewriters, embedders: one small protocol each (`protocols`)."""
