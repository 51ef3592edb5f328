"""The commands, one module each; `lineart NAME` and `python -m lineart.jobs.NAME` run them.

Packages that take long to import are imported in functions, so that `--help` is fast.
"""

import os
import sys

try:
    from lineart.jobs.interrupts import exit_on_signals

    # Python has "-m" there until it has found the module that it runs. Whoever imports a command
    # otherwise, as a test does, keeps the handlers of signals.
    if os.path.basename(sys.argv[0]) in ("-m", "lineart"):  # noqa: PTH119 - pathlib takes 7 ms
        exit_on_signals()
except KeyboardInterrupt:
    os._exit(130)
