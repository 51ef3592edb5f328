"""Train a pair of generators; run the same command again to continue.

python -m jobs.train --recipe small --data shards --output runs/small
python -m jobs.train --recipe two_stage --data s3://bucket/data --output s3://bucket/run --workers 8
"""

import json
import sys
from dataclasses import asdict, dataclass, field, replace

import tyro

from lineart.training.recipe import Recipe
from lineart.training.recipes import RECIPES, tiny

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a pair of generators."""

    recipe: str
    """Name of a recipe in lineart.training.recipes."""
    data: str
    """Shards that jobs.prepare_data left: a folder or s3://bucket/prefix."""
    output: str
    """Run folder: checkpoints, weights, scalars, grids, report.html."""
    workers: int = 0
    """Training processes on Ray, one GPU each if there are GPUs; 0: this process, without Ray."""
    sample_workers: int = 1
    """Without Ray: processes that make samples."""
    compile: bool = False
    """Compile the networks: minutes to start, then much faster."""
    accumulate: int = 1
    """Batches whose gradients are added up before a step, where a GPU holds no whole batch."""
    feature_weights: dict[str, str] = field(default_factory=dict)
    """Loss term and file, or open_clip's tag: weights of the frozen network that it compares by.
    Without it they are looked for where torchvision keeps them."""
    features: dict[str, str] = field(default_factory=dict)
    """Loss term and the network that it compares by, in place of the recipe's."""
    without: tuple[str, ...] = ()
    """Loss terms that are left out."""
    tiny: bool = False
    """The recipe's twin for trying: tiny networks, a few images."""
    dry_run: bool = False
    """Print the configuration and stop."""


def read_recipe(flags: Train) -> Recipe:
    """Give the recipe that the flags describe.

    Raises:
        ValueError: There is no such recipe, or it has no such loss term.
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
    """Run the job; give the exit status."""
    try:
        recipe = read_recipe(flags)
    except ValueError as error:
        print(f"train: {error}", file=sys.stderr)
        return WRONG_INPUT
    if flags.dry_run:
        given = {"flags": asdict(flags), "recipe": asdict(recipe)}
        print(json.dumps(given, indent=2, default=str))
        return DONE
    # Imported here: --help and --dry-run do without it, and take a fraction of a second.
    from jobs.work.train import work

    return work(flags, recipe)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Train)))
