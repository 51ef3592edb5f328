"""`python -m jobs.train` runs `lineart.jobs.train`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.train", run_name="__main__", alter_sys=True)
