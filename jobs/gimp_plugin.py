"""`python -m jobs.gimp_plugin` runs `lineart.jobs.gimp_plugin`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.gimp_plugin", run_name="__main__", alter_sys=True)
