"""Entry files of the commands in a checkout, and for `ray job submit`; see `lineart.jobs`."""

import lineart.jobs  # noqa: F401 - its first lines see to Ctrl-C
