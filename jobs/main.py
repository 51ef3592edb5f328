"""`python -m jobs.main` runs `lineart.jobs.main`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.main", run_name="__main__", alter_sys=True)
