"""`python -m jobs.demo` runs `lineart.jobs.demo`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.demo", run_name="__main__", alter_sys=True)
