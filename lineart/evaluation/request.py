"""What the user asks for: the flags that the protocols share."""

import re
from dataclasses import dataclass
from functools import cached_property

from lineart.imaging.baseline_names import BASELINE_NAMES


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is judged, and with which networks."""

    data: str
    """Folders of pictures (color/ beside line/ are pairs) or of shards, with commas between; for
    film the output of jobs.colorize, for study that of jobs.report --study."""
    weights: str = "default"
    """Names or addresses of weights, or NAME=ADDRESS, with commas between; the first are ours."""
    hints: str | None = None
    """Numbers of hints, with commas between; for colors, which without it takes 0,16,140."""
    baselines: str = ",".join(BASELINE_NAMES)
    """Ways to colour without a network, with commas between; may be empty."""
    answers: str | None = None
    """For study: files of answers, or folders of them, with commas between."""
    targets: str | None = None
    """For paper_004: pictures of the style, a folder or shards."""
    lines: str | None = None
    """For film: the drawings that were coloured."""
    classes: str | None = None
    """For paper_000: JSON, {photograph: class}; without it a photograph's folder is its class."""
    prompt: str = "a drawing of {}"
    """For paper_000: what CLIP reads for each class."""
    fid_features: str = "inception"
    """Features of FID and KID: inception or inception=FILE, their own; or a TorchScript FILE, or
    NAME=FILE with NAME vgg16, squeezenet1_0, squeezenet1_0_embedding or inception_v3; the scores
    are named after them."""
    clip: str = "ViT-B-32-quickgelu=openai"
    """For paper_000: a model of open_clip, =FILE, or =TAG of weights that are in its cache."""
    lpips: str | None = None
    """For colors: also LPIPS: alex, vgg or squeeze, from torchvision's cache, or NAME=FILE."""
    group: str | None = None
    """Regular expression; pictures in whose names it finds the same are alike, and intervals count
    them together."""
    limit: int | None = None
    """Most pictures of each source, evenly spread."""
    only: str | None = None
    """Of folders only pictures whose names these shards hold: those that were held out."""
    network_size: int = 512
    """Short side at which networks see pictures; for colors 0: each at its own size."""
    full_size: int = 1500
    """For paper_001: short side in pixels from which pictures have PSNR and SSIM."""
    sheet: int = 6
    """Pictures to show, for each number of hints."""
    seed: int = 0
    """Decides the places of the hints, and the samples of the intervals."""

    def check(self) -> None:
        """Refuse what no protocol can use.

        Raises:
            ValueError: a flag is out of range or cannot be read.
        """
        if unknown := set(split(self.baselines)) - set(BASELINE_NAMES):
            raise ValueError(
                f"no baseline is called {sorted(unknown)}; there are {list(BASELINE_NAMES)}"
            )
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit {self.limit} must be above 0")
        if min(self.network_size, self.full_size, self.sheet) < 0:
            raise ValueError("network size, full size and sheet must be numbers from 0")
        if not split(self.data):
            raise ValueError("there must be at least one address in data")
        if self.group is not None:
            try:
                re.compile(self.group)
            except re.error as error:
                raise ValueError(f"--group {self.group!r} is no pattern: {error}") from error

    @cached_property
    def places(self) -> list[str]:
        """Addresses of the pictures."""
        return split(self.data)

    def counts(self, usual: str) -> list[int]:
        """Give the numbers of hints.

        Raises:
            ValueError: they cannot be read.
        """
        counts = [int(count) for count in split(usual if self.hints is None else self.hints)]
        if min(counts, default=-1) < 0:
            raise ValueError(f"hints {self.hints!r} must be numbers from 0")
        return counts

    def group_of(self, picture: str) -> str:
        """Give what a picture is alike with: what the pattern finds in its name, else itself."""
        found = self.group and re.search(self.group, picture)
        return found[0] if found else picture


def split(text: str) -> list[str]:
    """Give the parts of a list with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def split_name(text: str) -> tuple[str, str]:
    """Give name and address of NAME=ADDRESS; the name is empty where there is an address alone."""
    name, equals, address = text.partition("=")
    return (name, address) if equals and "/" not in name else ("", text)
