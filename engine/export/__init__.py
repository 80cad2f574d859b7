"""Exports of reviewed pairs for trainers, spreadsheets and readers."""
