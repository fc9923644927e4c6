"""Models: the contract of a model file, sessions that run it, and the store that finds it."""
