"""`python -m jobs.review` runs `lineart.jobs.review`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.review", run_name="__main__", alter_sys=True)
