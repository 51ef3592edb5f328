"""After the frames: completeness, warnings, doubts, `run.json`, logs, thumbnails, Parquet."""
