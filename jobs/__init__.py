"""The commands, one module each; `lineart NAME` and `python -m jobs.NAME` run them.

Packages that take long to import are imported in functions, so that `--help` is fast.
"""
