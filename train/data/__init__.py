"""From photographs on disk to batches.

`shards` reads, `cache` decodes once, `sampling` draws, `augment` alters, `batches` puts together.
"""
