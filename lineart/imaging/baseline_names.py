"""Names of the colouring methods without a network, in the order of `baselines.BASELINES`.

It imports nothing large, because `jobs.evaluate` imports it to parse its flags.
"""

from typing import Final, Literal

BaselineName = Literal["nearest", "inpaint", "watershed", "levin"]

BASELINE_NAMES: Final[tuple[BaselineName, ...]] = ("nearest", "inpaint", "watershed", "levin")
