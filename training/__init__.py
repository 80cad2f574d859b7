"""How the small models of engine/sample_data were trained and measured; see `make models`."""
