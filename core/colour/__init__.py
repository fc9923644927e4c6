"""Colour science: the exact transforms, the gamut, and the fast pass that colours every pixel.

`lab` and `gamut` are the float64 reference, one formula a function. `field` is what a network's
answer becomes before it meets the pixels. `kernels` is the same mathematics made fast; it imports
numba, so import it only when there is a picture to colour.
"""
