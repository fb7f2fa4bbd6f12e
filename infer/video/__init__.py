"""Colorizing videos: every frame, its time, its luma and its sound as they were."""
