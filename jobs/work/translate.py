"""The film and the task that `jobs.translate` runs over."""

from dataclasses import asdict
from functools import partial

from jobs.translate import Translate
from jobs.work.films import FilmCommand, choose_film, run
from lineart.film.inputs import FilmConfig, TaskFactory
from lineart.film.tasks.translate import open_translate_task
from lineart.storage import read_file


def work(flags: Translate) -> int:
    """Translate the photographs; give the exit status."""
    command = FilmCommand(name="translate", flags=asdict(flags), log_frames=flags.choice.log_frames)
    return run(command, partial(read_film, flags))


def read_film(flags: Translate) -> tuple[FilmConfig, TaskFactory]:
    """Give the film and the task that the flags describe.

    Raises:
        ValueError: a flag cannot be read.
        OSError: the model that finds faces cannot be read.
    """
    film = choose_film(
        flags.choice, pictures=flags.images, output=flags.output, weights=flags.weights
    )
    return film, partial(
        open_translate_task,
        size_px=flags.size,
        face_model=None if flags.align_faces is None else read_file(flags.align_faces),
        has_attention=flags.attention,
    )
