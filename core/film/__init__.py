"""Moving pictures: a film in, the same film in colour out, with its luma and all other streams.

Data flows one way: `source` decodes, `segments` plans, `frame_colorizer` gives frames their chroma
(`motion` and `propagation` bring it from frame to frame, `scenes` finds cuts), `encoder` and
`packets` write a segment, `muxing` makes the result. `one_film` is the way in, `promise` measures
results, `shown` makes pictures of frames. PyAV and OpenCV (the extra `video`) are imported late.
"""
