"""Datasets: pictures prepared as shards, and training samples made from them."""
