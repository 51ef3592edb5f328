"""Stages on the page of a training: progress, validation, charts and picture grids."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lineart.report.charts import ChartStyle, Curve, best_of, draw_chart, make_curve
from lineart.report.html import as_text, format_images, format_value, spaced
from lineart.report.tables import numbered_parts, part_of
from lineart.report.training_pictures import Grid, prepare_grids

CHARTS_SHOWN = 12
"""Maximum number of charts of a stage, besides that of the loss terms."""
TERMS_SHOWN = 12
"""Maximum number of loss terms in their chart."""

LOSS = "loss/"
VALIDATION = "validation/"
SPEED = "images_per_second"
WAITING = "wait_share"
HIGHER_IS_BETTER = ("psnr", "ssim", "accuracy")
"""Last part of the names of scalars whose best value is the highest; else it is the lowest."""

STYLES = {
    LOSS: ChartStyle(heading="Loss terms", may_log=True, is_smoothed=True),
    "learning_rate": ChartStyle(heading="Learning rate", from_zero=True),
    SPEED: ChartStyle(heading="Speed", unit="images/s", from_zero=True, is_smoothed=True),
    WAITING: ChartStyle(
        heading="Waiting for data",
        unit="% of the time",
        scale=100.0,
        from_zero=True,
        is_smoothed=True,
    ),
}
"""Name of a scalar -> style of its chart; `_style` builds those of all other scalars."""


@dataclass(frozen=True)
class ScalarPoint:
    """A row of the run's `scalars.csv`."""

    stage: str
    images: int
    """Number of images seen in this stage."""
    name: str
    """`loss/l1`, `validation/l1`, `learning_rate`, `images_per_second`, `wait_share`, ..."""
    value: float


@dataclass
class StageSummary:
    """Template data of one stage."""

    name: str
    settings: Mapping[str, Any]
    """Settings of the stage in the recipe."""
    curves: dict[str, Curve]
    """Name of a scalar -> its curve."""
    grids: list[dict[str, Any]]
    """Template variables of the grids that are shown."""
    num_saved: int
    """Number of grids that the run saved."""
    column_names: tuple[str, ...] = ()
    """Headings of the grids' columns, as recorded by the run."""

    @cached_property
    def about(self) -> str:
        """Batch size, crop and learning rate as text."""
        forms = {
            "batch_size": "batches of {}",
            "crop": "crops of {} px",
            "learning_rate": "rate {}",
        }
        texts = {form: as_text(self.settings.get(name)) for name, form in forms.items()}
        return ", ".join(form.format(value) for form, value in texts.items() if value)

    @cached_property
    def pictures(self) -> list[dict[str, Any]]:
        """The grids, each with a label and the validation value at its number of images."""
        curve = self.curves.get(self.validation or "")
        values = dict(zip(curve.images, curve.values, strict=True)) if curve else {}
        return [
            grid
            | {"label": format_images(float(grid["images"]))}
            | {"score": format_value(values[grid["images"]]) if grid["images"] in values else ""}
            for grid in self.grids
        ]

    @cached_property
    def seen(self) -> int:
        """Number of images seen, according to curves and grids."""
        ends = [int(curve.images[-1]) for curve in self.curves.values()]
        return max([*ends, *(grid["images"] for grid in self.grids)], default=0)

    @cached_property
    def planned(self) -> int | None:
        """Number of images that the recipe sets; None if it does not."""
        images = self.settings.get("images")
        return images if type(images) is int else None

    @cached_property
    def missed(self) -> int:
        """Number of planned images that were not seen; 0 if fewer than a batch."""
        batch = self.settings.get("batch_size")
        short = (self.planned or 0) - self.seen
        return short if short >= (batch if type(batch) is int else 1) else 0

    @cached_property
    def validation(self) -> str | None:
        """Name of the validation scalar: `validation/l1`, else the first with a finite value."""
        names = [name for name, curve in self.curves.items() if curve.is_finite.any()]
        measured = [name for name in names if name.startswith(VALIDATION)]
        return f"{VALIDATION}l1" if f"{VALIDATION}l1" in measured else next(iter(measured), None)

    @cached_property
    def best(self) -> dict[str, Any] | None:
        """Best and last value of the validation scalar, and images seen at the best."""
        if self.validation is None:
            return None
        curve = self.curves[self.validation]
        place = best_of(curve, _better(self.validation))
        values = {"value": curve.values[place], "last": curve.values[-1]}
        return {
            "name": spaced(self.validation.replace("/", " ")),
            "images": int(curve.images[place]),
            **{name: format_value(float(value)) for name, value in values.items()},
        }

    @cached_property
    def charts(self) -> list[dict[str, Any]]:
        """Template variables of the charts: loss terms, validation, then other scalars."""
        terms = {name[len(LOSS) :]: curve for name, curve in self._losses.items()}
        charts = [draw_chart(dict([*terms.items()][:TERMS_SHOWN]), STYLES[LOSS])] if terms else []
        others = sorted((name for name in self.curves if name not in self._losses), key=_rank)
        return charts + [
            draw_chart({spaced(name): self.curves[name]}, _style(name))
            for name in others[:CHARTS_SHOWN]
        ]

    @cached_property
    def undrawn(self) -> int:
        """Number of scalars that are not drawn."""
        terms = len(self._losses)
        others = len(self.curves) - terms
        return max(0, terms - TERMS_SHOWN) + max(0, others - CHARTS_SHOWN)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Headings of the grids' columns; empty if unknown or if the grids' widths do not fit."""
        names = self.column_names
        fit = names and all(grid["width"] % len(names) == 0 for grid in self.grids)
        return names if fit else ()

    @cached_property
    def failure(self) -> tuple[int, int] | None:
        """Number of non-finite loss values, and images seen at the first; None without any."""
        losses = self._losses.values()
        missing = np.concatenate([curve.images[~curve.is_finite] for curve in losses] or [[]])
        return (len(missing), int(missing.min())) if len(missing) else None

    @cached_property
    def _losses(self) -> dict[str, Curve]:
        return {name: curve for name, curve in self.curves.items() if name.startswith(LOSS)}


def gather(
    run: Mapping[str, Any], scalars: Sequence[ScalarPoint], grids: Sequence[Grid]
) -> list[StageSummary]:
    """Build the stages with scalars or grids: first those of the recipe, in its order."""
    settings = numbered_parts(part_of(run, "recipe").get("stages"))
    curves = _curves(scalars)
    pictures = prepare_grids(grids)
    num_saved = Counter(grid.stage for grid in grids)
    columns = part_of(run, "columns")
    return [
        StageSummary(
            name=as_text(name),
            settings=settings.get(name, {}),
            curves=curves.get(name, {}),
            grids=pictures.get(name, []),
            num_saved=num_saved[name],
            column_names=tuple(as_text(column) for column in columns.get(name) or ()),
        )
        for name in dict.fromkeys([*settings, *curves, *num_saved])
        if name in curves or name in num_saved
    ]


def _curves(scalars: Sequence[ScalarPoint]) -> dict[str, dict[str, Curve]]:
    """Return stage -> name of a scalar -> curve."""
    rows: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
    for scalar in scalars:
        images, values = rows.setdefault(scalar.stage, {}).setdefault(scalar.name, ([], []))
        images.append(float(scalar.images))
        values.append(scalar.value)
    return {
        stage: {
            name: make_curve(np.array(images), np.array(values))
            for name, (images, values) in named.items()
        }
        for stage, named in rows.items()
    }


def _rank(name: str) -> tuple[int, int]:
    """Return a sort key: validation, then scalars in the order of `STYLES`, then the rest."""
    known = [*STYLES]
    if name.startswith(VALIDATION):
        return 0, 0
    return (1, known.index(name)) if name in known else (2, 0)


def _better(name: str) -> str:
    """Return whether the `highest` or the `lowest` value of a scalar is the best."""
    return "highest" if name.rpartition("/")[2] in HIGHER_IS_BETTER else "lowest"


def _style(name: str) -> ChartStyle:
    """Return the chart style of a scalar."""
    if name.startswith(VALIDATION):
        heading = f"Validation: {spaced(name[len(VALIDATION) :])}"
        return ChartStyle(heading=heading, best=_better(name))
    return STYLES.get(name) or ChartStyle(heading=spaced(name).capitalize())
