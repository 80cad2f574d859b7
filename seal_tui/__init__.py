"""The terminal client of the SEAL explorer. It knows the engine only through `engine.messages`."""
