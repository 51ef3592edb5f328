"""HTML report pages of films, trainings, drawing comparisons and studies.

Each page is one self-contained HTML file: the templates escape all text, and pictures are embedded
as data URIs. The page functions take rows and encoded pictures and use neither storage nor a
cluster; the modules `film_folder`, `training_folder`, `drawings` and `study` read this content
from storage.
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
