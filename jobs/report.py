"""`python -m jobs.report` runs `lineart.jobs.report`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.report", run_name="__main__", alter_sys=True)
