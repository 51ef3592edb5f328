"""`python -m jobs.colorize` runs `lineart.jobs.colorize`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.colorize", run_name="__main__", alter_sys=True)
