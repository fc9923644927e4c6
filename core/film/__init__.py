"""Moving pictures: a film in, the same film in colour out, with its luma and all other streams.

Data flows one way: `source` decodes, `segments` plans, `colouring` gives frames their chroma
(`motion` and `carrying` bring it from frame to frame), `encoder` and `packets` write a segment,
`joining` makes the result. `life` is the way in. PyAV and OpenCV (the extra `video`) are imported
late.
"""
