"""`python -m jobs.translate` runs `lineart.jobs.translate`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.translate", run_name="__main__", alter_sys=True)
