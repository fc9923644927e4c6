"""From photographs on disk to batches.

`shards` reads, `cache` decodes once, `draw` draws, `augment` alters, `batches` puts together.
"""
