"""Exports: pairs as decided, in the forms that trainers, spreadsheets and people read."""
