"""What a study found: the records of the metric tables, and what each of their numbers means.

The measures write these records, the store keeps them, and the command line, the explorer, the
reports and the documentation read them. Light: no numpy, no database, no terminal.
"""
