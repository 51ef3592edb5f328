"""Command that trains a pair of generators; run again, it continues from the last checkpoint.

python -m jobs.train --recipe small --data shards --output runs/small
python -m jobs.train --recipe two_stage --data s3://bucket/data --output s3://bucket/run --workers 8
"""

import json
import sys
from dataclasses import asdict, dataclass, field, replace

import tyro

from lineart.training.recipes import RECIPES, Recipe, tiny

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a pair of generators."""

    recipe: str
    """Name of a recipe in lineart.training.recipes."""
    data: str
    """Shards written by jobs.prepare_data: a folder or s3://bucket/prefix."""
    output: str
    """Run folder or s3:// address for checkpoints, weights, scalars, grids and report.html."""
    workers: int = 0
    """Number of training processes on Ray, one GPU each if there are GPUs; 0: train in this process
    without Ray."""
    sample_workers: int = 1
    """Without Ray: number of processes that prepare samples; 0: this process."""
    compile: bool = False
    """Compile the networks with torch.compile: takes minutes at the start, then is much faster."""
    accumulate: int = 1
    """Number of parts of a batch whose gradients are summed before a step, if a whole batch does
    not fit on the GPU."""
    feature_weights: dict[str, str] = field(default_factory=dict)
    """Loss term, and file or open_clip tag of the weights of its frozen feature network; default:
    files in torchvision's cache."""
    features: dict[str, str] = field(default_factory=dict)
    """Loss term, and name of its frozen feature network, in place of the recipe's."""
    without: tuple[str, ...] = ()
    """Loss terms to leave out."""
    tiny: bool = False
    """Use the recipe's small version for testing: tiny networks, eight images per stage."""
    dry_run: bool = False
    """Print the configuration and exit."""


def read_recipe(flags: Train) -> Recipe:
    """Build the recipe from the flags.

    Raises:
        ValueError: a recipe or loss term is unknown, or a stage has no loss left.
    """
    if flags.recipe not in RECIPES:
        raise ValueError(f"no recipe {flags.recipe!r}; choose one of {', '.join(RECIPES)}")
    recipe = RECIPES[flags.recipe]()
    if flags.tiny:
        recipe = tiny(recipe)
    terms = {term for stage in recipe.stages for term in stage.losses}
    for flag, named, known in (
        ("--without", set(flags.without), terms),
        ("--features", set(flags.features), set(recipe.features)),
        ("--feature-weights", set(flags.feature_weights), set(recipe.features)),
    ):
        if named - known:
            raise ValueError(
                f"{flag} names {', '.join(sorted(named - known))}; "
                f"{flags.recipe} knows {', '.join(sorted(known)) or 'none'} there"
            )
    recipe = replace(recipe, features=recipe.features | flags.features).without(flags.without)
    for stage in recipe.stages:
        if not stage.losses:
            raise ValueError(f"--without leaves no loss in the stage {stage.name}")
    return recipe


def main(flags: Train) -> int:
    """Run the job and return the exit status."""
    try:
        recipe = read_recipe(flags)
    except ValueError as error:
        print(f"train: {error}", file=sys.stderr)
        return WRONG_INPUT
    if flags.dry_run:
        given = {"flags": asdict(flags), "recipe": asdict(recipe)}
        print(json.dumps(given, indent=2, default=str))
        return DONE
    # Imported here, so that --help and --dry-run take only a fraction of a second.
    from jobs.work.train import work

    return work(flags, recipe)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Train)))
