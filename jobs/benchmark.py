"""`python -m jobs.benchmark` runs `lineart.jobs.benchmark`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.benchmark", run_name="__main__", alter_sys=True)
