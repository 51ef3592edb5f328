"""Pages to read after a run, each one HTML file that needs nothing else.

They are made from plain rows and encoded pictures, without storage and without a cluster; what
collects those is in `film_folder`, `training_folder`, `drawings` and `study`. Whatever comes from
outside is shown as text: the templates escape, and pictures travel as data.
"""

from lineart.report.film import Content, film_page
from lineart.report.grids import Grid
from lineart.report.shots import THUMBNAIL_BYTES, Thumbnail
from lineart.report.stages import ScalarPoint
from lineart.report.text import encode_thumbnail
from lineart.report.training import training_page

__all__ = [
    "THUMBNAIL_BYTES",
    "Content",
    "Grid",
    "ScalarPoint",
    "Thumbnail",
    "encode_thumbnail",
    "film_page",
    "training_page",
]
