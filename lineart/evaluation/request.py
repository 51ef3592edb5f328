"""Flags of each protocol of `lineart evaluate`.

It imports nothing large, because `lineart evaluate` imports it to parse its flags.
"""

import re
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

BaselineName: TypeAlias = Literal["nearest", "inpaint", "watershed", "levin"]
BASELINE_NAMES: tuple[BaselineName, ...] = get_args(BaselineName)
"""Names of `evaluation.baselines.BASELINES`, in their order."""
KeyBaselineName: TypeAlias = Literal[
    "static copy", "flow vote", "nearest centroid", "Hungarian", "embedding"
]
KEY_BASELINE_NAMES: tuple[KeyBaselineName, ...] = get_args(KeyBaselineName)


@dataclass(frozen=True, kw_only=True)
class PictureRequest:
    """Flags of all protocols that run networks on single pictures."""

    protocol: ClassVar[str]
    """Name of the protocol."""
    min_network_size: ClassVar[int] = 1

    images: tuple[str, ...]
    """Folders of pictures (color/ beside line/ are pairs) or of shards."""
    weights: tuple[str, ...] = ("default",)
    """Names or addresses of weights, or NAME=ADDRESS; the others are compared with the first."""
    held_out: str | None = None
    """Shards of held-out pictures; pictures in folders are evaluated only if these hold the same
    pixels under the same file name."""
    limit_per_source: int | None = None
    """Maximum number of pictures of each source, evenly spaced; default: all."""
    network_size: int = 512
    """Short side of the network input in pixels; flat paint takes half of it."""
    num_sheet_samples: int = 6
    """Number of pictures on each contact sheet."""
    seed: int = 0
    """Seed of hint positions, bootstrap intervals and random subsets."""
    ray_workers: int | None = None
    """Use Ray, with at most this many processes; default: use Ray for more than 16 pictures, or if
    RAY_ADDRESS is set, on all CPUs."""

    def check(self) -> None:
        """Validate the flags.

        Raises:
            ValueError: a flag is out of range or cannot be parsed.
        """
        if not self.images:
            raise ValueError("there must be at least one address in --images")
        check_minimum("--limit-per-source", self.limit_per_source, 1)
        check_minimum("--network-size", self.network_size, self.min_network_size)
        check_minimum("--num-sheet-samples", self.num_sheet_samples, 0)
        check_minimum("--ray-workers", self.ray_workers, 1)


@dataclass(frozen=True, kw_only=True)
class GroupedRequest(PictureRequest):
    """Flags of the protocols that score each picture."""

    group: str | None = None
    """Regular expression; pictures whose names have the same first match form a group, which the
    bootstrap intervals draw as a whole. Default: every picture by itself."""

    def check(self) -> None:
        """Validate the flags; raises as `PictureRequest.check`."""
        super().check()
        try:
            re.compile(self.group or "")
        except re.error as error:
            raise ValueError(f"--group {self.group!r} is no pattern: {error}") from error

    def group_of(self, picture: str) -> str:
        """Return the group of a picture: the match of `group` in its name, else the name."""
        found = self.group and re.search(self.group, picture)
        return found[0] if found else picture


@dataclass(frozen=True, kw_only=True)
class ColorsRequest(GroupedRequest):
    """PSNR, SSIM and LPIPS of colours, CIEDE2000 at the hints, and leakage across lines.

    Networks are scored as they are, and with the finish soft.
    """

    protocol: ClassVar[str] = "colors"
    min_network_size: ClassVar[int] = 0

    network_size: int = 512
    """Short side of the network input in pixels; 0 keeps each picture's own size."""
    num_hints: tuple[int, ...] = (0, 16, 140)
    """Numbers of hint pixels."""
    baselines: tuple[BaselineName, ...] = BASELINE_NAMES
    """Methods without a network; may be empty."""
    lpips: str | None = None
    """Backbone of LPIPS: alex, vgg or squeeze from torchvision's cache, or NAME=FILE; default:
    LPIPS is not computed."""

    def check(self) -> None:
        """Validate the flags; raises as `PictureRequest.check`."""
        super().check()
        if min(self.num_hints, default=-1) < 0:
            raise ValueError(f"--num-hints {self.num_hints} must be numbers from 0")


@dataclass(frozen=True, kw_only=True)
class RegionsRequest(GroupedRequest):
    """Right regions, PSNR and SSIM of flat-coloured pairs, over shares of regions with a hint."""

    protocol: ClassVar[str] = "regions"

    images: tuple[str, ...]
    """Pairs of flat-coloured pictures and their lines: folders with color/ beside line/, or
    shards."""
    shares: tuple[int, ...] = (0, 1, 3, 5, 10, 25, 50, 100)
    """Shares of the regions that have a hint, in percent, rising from 0 to 100; the number of
    regions is rounded down."""
    order: Literal["largest", "random"] = "largest"
    """Regions that have a hint at each share: the largest ones, or random ones."""
    baselines: tuple[BaselineName, ...] = ("watershed", "levin", "nearest")
    """Methods without a network; may be empty."""

    def check(self) -> None:
        """Validate the flags; raises as `PictureRequest.check`."""
        super().check()
        is_rising = list(self.shares) == sorted(set(self.shares))
        if not is_rising or (self.shares[:1], self.shares[-1:]) != ((0,), (100,)):
            raise ValueError(f"--shares {self.shares} must be numbers that rise from 0 to 100")


@dataclass(frozen=True, kw_only=True)
class ClipScoreRequest(GroupedRequest):
    """CLIP score: the probability that CLIP gives a drawing the class of its photograph."""

    protocol: ClassVar[str] = "paper_000"

    images: tuple[str, ...]
    """Photographs: folders of pictures or of shards."""
    classes: str | None = None
    """JSON file {photograph: class}; default: a photograph's folder is its class."""
    prompt: str = "a drawing of {}"
    """CLIP's prompt for each class; {} stands for its name."""
    clip: str = "ViT-B-32-quickgelu=openai"
    """Model of open_clip, as MODEL=FILE or as MODEL=TAG of cached weights."""


@dataclass(frozen=True, kw_only=True)
class FidRequest(GroupedRequest):
    """Flags of the protocols that compute an FID."""

    fid_features: str = "inception"
    """Features of the distance: inception or inception=FILE for FID; a TorchScript FILE; or
    NAME=FILE with NAME vgg16, squeezenet1_0, squeezenet1_0_embedding or inception_v3. Scores on
    other features than inception are named after them."""


@dataclass(frozen=True, kw_only=True)
class FidNoHintsRequest(FidRequest):
    """FID of pictures coloured without hints; PSNR and SSIM of large ones at their own size."""

    protocol: ClassVar[str] = "paper_001"

    full_size: int = 1500
    """Smallest short side in pixels for PSNR and SSIM."""

    def check(self) -> None:
        """Validate the flags; raises as `PictureRequest.check`."""
        super().check()
        check_minimum("--full-size", self.full_size, 0)


@dataclass(frozen=True, kw_only=True)
class FidHintsRequest(FidRequest):
    """FID of pictures coloured with 140 hint pixels, by networks and other methods."""

    protocol: ClassVar[str] = "paper_002"

    baselines: tuple[BaselineName, ...] = BASELINE_NAMES
    """Methods without a network; may be empty."""


@dataclass(frozen=True, kw_only=True)
class KidRequest(PictureRequest):
    """KID between translated photographs and pictures of a style."""

    protocol: ClassVar[str] = "paper_004"

    images: tuple[str, ...]
    """Photographs: folders of pictures or of shards."""
    targets: tuple[str, ...]
    """Pictures of the style: folders of pictures or of shards."""
    fid_features: str = "inception"
    """Features of the distances: inception or inception=FILE for FID and KID; a TorchScript FILE;
    or NAME=FILE with NAME vgg16, squeezenet1_0, squeezenet1_0_embedding or inception_v3. Scores on
    other features than inception are named after them."""


@dataclass(frozen=True, kw_only=True)
class FilmRequest:
    """Flicker, held frames and leakage of a coloured film, for the film and each shot."""

    protocol: ClassVar[str] = "film"

    film: str
    """Output of lineart colorize."""
    lines: str
    """Folder or s3:// address of the line drawings that were coloured."""
    seed: int = 0
    """Seed of the bootstrap intervals."""
    ray_workers: int | None = None
    """Use Ray, with at most this many processes; default: use Ray for long films, or if RAY_ADDRESS
    is set, on all CPUs."""

    def check(self) -> None:
        """Validate the flags; raises ValueError if a number is out of range."""
        check_minimum("--ray-workers", self.ray_workers, 1)


@dataclass(frozen=True, kw_only=True)
class KeysRequest:
    """Right segments and pixels of drawings coloured from keys, and how far to trust them."""

    protocol: ClassVar[str] = "keys"

    sequences: tuple[str, ...] = ()
    """Folders of sequences: character cycles (pictures with alpha), line/ beside color/, or line/
    beside exact flat/."""
    sample_seeds: tuple[int, ...] = ()
    """Seeds of the sample film, whose shots are sequences, too."""
    shades: bool = False
    """Score colours of the sample film that no line parts, such as shade and the lights of eyes, as
    what they are; default: they count as the colour around them."""
    weights: str = "keys"
    """Name or address of weights of the recipe keys."""
    held_out_only: bool = False
    """Score only the sequences that no training of the included weights has seen; with other
    weights, those whose names are for validation."""
    baselines: tuple[KeyBaselineName, ...] = KEY_BASELINE_NAMES
    """Other methods; may be empty."""
    num_keys: int = 4
    """Largest number of keys that serve a sequence together; 0 leaves several keys out."""
    adjacent: int = 1
    """Drawings before a drawing, and as many after it, that vote on its colours."""
    num_drawings: int = 18
    """Drawings of a sequence to which several keys are carried, evenly spaced."""
    num_sheet_samples: int = 6
    """Number of sequences on each contact sheet."""
    seed: int = 0
    """Seed of the bootstrap intervals."""
    ray_workers: int | None = None
    """Use Ray, with at most this many processes; default: use Ray for more than 16 sequences, or
    if RAY_ADDRESS is set, on all CPUs."""

    def check(self) -> None:
        """Validate the flags.

        Raises:
            ValueError: a flag is out of range, or there is nothing to score.
        """
        if not (self.sequences or self.sample_seeds):
            raise ValueError(
                "there must be at least one address in --sequences, or a seed in --sample-seeds"
            )
        for seed in self.sample_seeds:
            check_minimum("--sample-seeds", seed, 0)
        check_minimum("--num-keys", self.num_keys, 0)
        check_minimum("--adjacent", self.adjacent, 0)
        check_minimum("--num-drawings", self.num_drawings, 2)
        check_minimum("--num-sheet-samples", self.num_sheet_samples, 0)
        check_minimum("--ray-workers", self.ray_workers, 1)


@dataclass(frozen=True, kw_only=True)
class StudyRequest:
    """How often the participants of a study preferred its second set."""

    protocol: ClassVar[str] = "study"

    study: str
    """Output of lineart report study."""
    answers: tuple[str, ...]
    """Files of answers that participants downloaded, or folders of them."""

    def check(self) -> None:
        """Validate the flags; raises ValueError if there are no answers."""
        if not self.answers:
            raise ValueError("there must be at least one file or folder in --answers")


ScoredRequest: TypeAlias = PictureRequest | FilmRequest | KeysRequest
"""Requests that score pictures; a study reads answers."""

Request: TypeAlias = ScoredRequest | StudyRequest


def check_minimum(flag: str, value: int | None, minimum: int) -> None:
    """Raise ValueError if a flag is given and below its minimum."""
    if value is not None and value < minimum:
        raise ValueError(f"{flag} {value} must be {minimum} or more")


def split_name(text: str) -> tuple[str, str]:
    """Return name and address of NAME=ADDRESS; the name of a plain address is empty."""
    name, equals, address = text.partition("=")
    return (name, address) if equals and "/" not in name else ("", text)
