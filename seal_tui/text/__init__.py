"""From data and numbers to text that is safe to show."""
