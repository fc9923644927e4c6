"""From photographs on disk to batches: `shards` reads, `cache` decodes once, `draw` draws and augments."""
