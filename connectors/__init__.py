"""The platforms: one file each, found by entry point like anybody's."""
