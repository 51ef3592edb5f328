"""`python -m jobs.prepare_data` runs `lineart.jobs.prepare_data`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.prepare_data", run_name="__main__", alter_sys=True)
