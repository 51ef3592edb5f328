"""Names of the ways to colour without a network, in the order of `baselines.BASELINES`.

It imports nothing, because `jobs.evaluate` imports it to read its flags.
"""

from typing import Final

BASELINE_NAMES: Final = ("nearest", "inpaint", "watershed", "levin")
