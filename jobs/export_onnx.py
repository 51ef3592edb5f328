"""`python -m jobs.export_onnx` runs `lineart.jobs.export_onnx`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("lineart.jobs.export_onnx", run_name="__main__", alter_sys=True)
