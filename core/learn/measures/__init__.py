"""Measures of colours: `picture` has those that are always taken, the others one each."""
