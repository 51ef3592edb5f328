"""`python -m jobs.evaluate` runs `lineart.jobs.evaluate`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.evaluate", run_name="__main__", alter_sys=True)
