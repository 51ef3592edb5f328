"""`python -m jobs.serve` runs `lineart.jobs.serve`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.serve", run_name="__main__", alter_sys=True)
