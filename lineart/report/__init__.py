"""HTML report pages of films, trainings, drawing comparisons and studies.

Each page is one self-contained HTML file: the templates escape all text, and pictures are embedded
as data URIs. `film_page` and `training_page` take rows and encoded pictures and use neither storage
nor a cluster; the functions `write_...` read this content from the output folder of a job.
"""
