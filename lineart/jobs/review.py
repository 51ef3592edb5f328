"""Command that serves a page on this machine, to answer a film's doubts and to mark its frames.

lineart review episode/color
lineart review s3://studio/ep01/color --keys s3://studio/ep01/keys
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from tyro import conf

from lineart.jobs.command import DryRun, parse, run_command, say

if TYPE_CHECKING:
    from lineart.review.review import Review
    from lineart.storage import Storage

STOPPED = "stopped; what was saved is saved"


@dataclass(frozen=True, kw_only=True)
class ReviewFilm:
    """Show a coloured film on a page, to answer its doubts and mark its frames."""

    film: conf.Positional[str]
    """Output of lineart colorize: folder or s3:// address."""
    keys: str | None = None
    """Folder or s3:// address of the keys, into which answers are saved; default: that of the
    film's last run."""
    sources: str | None = None
    """Folder of the drawings, if they have moved since the run."""
    name: str | None = None
    """Your name, for other people at the page; default: that of your account."""
    port: Annotated[int, conf.arg(metavar="NUMBER")] = 0
    """Port of the page on this machine; 0 takes a free one."""
    open: bool = False
    """Open the page in the browser."""
    dry_run: DryRun = False


def main(flags: ReviewFilm) -> int:
    """Run the command and return its exit status."""
    return run_command("review", flags, serve_page, if_stopped=STOPPED)


def serve_page(flags: ReviewFilm) -> dict[str, Any]:
    """Serve the page until the process is interrupted."""
    from lineart.review.server import Listener

    review = open_review(flags)
    listener = Listener(review, flags.port)
    print(listener.address, flush=True)
    say("review", f"answers are saved as keys in {review.keys.place.uri}")
    say("review", "the page is open to this machine alone; Ctrl-C ends it")
    if flags.open:
        import webbrowser

        webbrowser.open(listener.address)
    listener.run()
    return {"film": review.film.output.uri}


def open_review(flags: ReviewFilm) -> Review:
    """Open film, keys and marks.

    Raises:
        ValueError: a flag is wrong.
        OSError: the film cannot be read.
    """
    from lineart.review.film import ReviewedFilm
    from lineart.review.keys import FilmKeys
    from lineart.review.marks import Marks
    from lineart.review.review import Review
    from lineart.storage import Storage, check_given, for_flag

    if not 0 <= flags.port < 2**16:
        raise ValueError(f"--port {flags.port} is no port; give 1024 to 65535, or 0 for a free one")
    output, sources = Storage.at(flags.film), None
    with for_flag("the film", "give the output of lineart colorize"):
        output.check()
    if flags.sources:
        sources = Storage.at(flags.sources)
        check_given("--sources", sources)
    film = ReviewedFilm(output, sources)
    keys = FilmKeys(choose_keys(flags.keys or film.keys_address, output))
    return Review(film, keys, Marks(output), flags.name or name_of_account())


def choose_keys(address: str | None, output: Storage) -> Storage:
    """Return the folder of the keys; raises ValueError if there is none, or it is in the output."""
    from lineart.storage import Storage

    if address is None:
        raise ValueError(
            "the film was coloured without keys; give a folder for them, --keys FOLDER, and the "
            "same to lineart colorize"
        )
    place = Storage.at(address)
    if place.as_file() is not None:
        raise ValueError(f"--keys {place.uri} is a file; give a folder, into which keys are saved")
    if place.contains(output) or output.contains(place):
        raise ValueError(f"--keys {place.uri} and {output.uri} lie in one another; keep them apart")
    return place


def name_of_account() -> str:
    """Return the name of the account that runs this process."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


if __name__ == "__main__":
    sys.exit(main(parse(ReviewFilm, "review")))
