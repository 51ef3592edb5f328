"""`python -m jobs.recolor` runs `lineart.jobs.recolor`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.recolor", run_name="__main__", alter_sys=True)
