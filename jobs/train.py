"""Train a pair of generators from a folder of colour pictures; run again to continue.

python -m jobs.train --recipe small --images DIR --output runs/small
"""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from pprint import pprint

import tyro

from lineart.datasets.sources import read_split
from lineart.training.loop import train
from lineart.training.recipes import RECIPES


@dataclass(frozen=True, kw_only=True)
class Train:
    """Flags of this job."""

    recipe: str
    """Name of a recipe in lineart.training.recipes."""
    images: Path
    """Folder of pictures with a provenance.csv that names file and licence."""
    output: Path
    """Run folder: checkpoint, weights, log."""
    workers: int = 1
    """Processes that make samples."""
    dry_run: bool = False
    """Print the configuration and stop."""


def main(flags: Train) -> None:
    """Train."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if flags.recipe not in RECIPES:
        raise SystemExit(f"no recipe {flags.recipe!r}; choose one of {', '.join(RECIPES)}")
    recipe = RECIPES[flags.recipe]()
    if flags.dry_run:
        pprint(asdict(recipe))
        return
    split = read_split(flags.images)
    logging.info(
        "%d pictures to learn from, %d held out", len(split.training), len(split.validation)
    )
    train(recipe, split.training, flags.output, workers=flags.workers)


if __name__ == "__main__":
    main(tyro.cli(Train))
