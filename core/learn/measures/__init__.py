"""How good colours are: `picture` has the measures that are always taken, the others one each."""
