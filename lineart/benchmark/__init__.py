"""Benchmarks of codec, compositing, networks, film pipeline and training."""
