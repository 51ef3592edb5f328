"""Command-line jobs, one module per command; their implementation is in `jobs.work`."""
