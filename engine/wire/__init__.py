"""What the engine and its clients say to each other, and both ends of it."""
