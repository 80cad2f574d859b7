"""Bad inputs, one module per kind, and the driver that gives each to the real command."""
