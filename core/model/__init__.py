"""Finds and runs models: the contract of a model file, sessions that run it, and the store."""
