"""The GPU drill; `python -m tests.drills.gpu --help` says what it measures."""
