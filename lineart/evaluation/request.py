"""Flags of `jobs.evaluate`, shared by all protocols."""

import re
from dataclasses import dataclass
from functools import cached_property

from lineart.imaging import BASELINE_NAMES


@dataclass(frozen=True, kw_only=True)
class Request:
    """Flags that choose pictures, weights, scores and their settings."""

    data: str
    """Folders of pictures (color/ beside line/ are pairs) or of shards, comma-separated; for film
    the output of jobs.colorize, for study that of jobs.report --study."""
    weights: str = "default"
    """Names or addresses of weights, or NAME=ADDRESS, comma-separated; the others are compared with
    the first."""
    hints: str | None = None
    """For colors: numbers of hint pixels, comma-separated; default 0,16,140."""
    baselines: str = ",".join(BASELINE_NAMES)
    """For colors and paper_002: methods without a network, comma-separated; may be empty."""
    answers: str | None = None
    """For study: files of answers that participants downloaded, or folders, comma-separated."""
    targets: str | None = None
    """For paper_004: pictures of the style, folders or shards, comma-separated."""
    lines: str | None = None
    """For film: folder of the line drawings that were coloured."""
    classes: str | None = None
    """For paper_000: JSON file {photograph: class}; default: a photograph's folder is its class."""
    prompt: str = "a drawing of {}"
    """For paper_000: CLIP's prompt for each class; {} stands for its name."""
    fid_features: str = "inception"
    """Features of the distances: inception or inception=FILE for FID and KID; a TorchScript FILE;
    or NAME=FILE with NAME vgg16, squeezenet1_0, squeezenet1_0_embedding or inception_v3. Scores on
    other features than inception are named after them."""
    clip: str = "ViT-B-32-quickgelu=openai"
    """For paper_000: model of open_clip, as MODEL=FILE or as MODEL=TAG of cached weights."""
    lpips: str | None = None
    """For colors: backbone of LPIPS: alex, vgg or squeeze from torchvision's cache, or NAME=FILE;
    default: LPIPS is not computed."""
    group: str | None = None
    """Regular expression; pictures whose names have the same first match form a group, which the
    bootstrap intervals draw as a whole. Default: every picture by itself."""
    limit: int | None = None
    """Maximum number of pictures of each source, evenly spaced; default: all."""
    only: str | None = None
    """Shards of held-out pictures; pictures in folders are evaluated only if these name them."""
    network_size: int = 512
    """Short side of the network input in pixels; for colors 0 keeps each picture's own size."""
    full_size: int = 1500
    """For paper_001: smallest short side in pixels for PSNR and SSIM."""
    sheet: int = 6
    """Number of pictures on each contact sheet."""
    seed: int = 0
    """Seed of hint positions, bootstrap intervals and random subsets."""

    def check(self) -> None:
        """Validate the flags that need no protocol.

        Raises:
            ValueError: a flag is out of range or cannot be parsed.
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
        """Addresses in `data`."""
        return split(self.data)

    def counts(self, usual: str) -> list[int]:
        """Return the numbers of hints, `usual` if the flag is not given.

        Raises:
            ValueError: they are not whole numbers from 0.
        """
        counts = [int(count) for count in split(usual if self.hints is None else self.hints)]
        if min(counts, default=-1) < 0:
            raise ValueError(f"hints {self.hints!r} must be numbers from 0")
        return counts

    def group_of(self, picture: str) -> str:
        """Return the group of a picture: the match of `group` in its name, else the name."""
        found = self.group and re.search(self.group, picture)
        return found[0] if found else picture


def split(text: str) -> list[str]:
    """Return the non-empty parts of a comma-separated list, stripped."""
    return [part.strip() for part in text.split(",") if part.strip()]


def split_name(text: str) -> tuple[str, str]:
    """Return name and address of NAME=ADDRESS; the name of a plain address is empty."""
    name, equals, address = text.partition("=")
    return (name, address) if equals and "/" not in name else ("", text)
