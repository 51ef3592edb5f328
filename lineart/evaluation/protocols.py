"""Evaluation protocols by name, and validation of their flags."""

from collections.abc import Callable
from typing import Final

from lineart.evaluation.colors import plan_colors, plan_fid_hints, plan_fid_no_hints
from lineart.evaluation.film import plan_film
from lineart.evaluation.request import Request
from lineart.evaluation.translation import plan_clip_score, plan_kid
from lineart.evaluation.types import EvaluationPlan

PROTOCOLS: Final[dict[str, Callable[[Request], EvaluationPlan]]] = {
    "colors": plan_colors,
    "paper_000": plan_clip_score,
    "paper_001": plan_fid_no_hints,
    "paper_002": plan_fid_hints,
    "paper_004": plan_kid,
    "film": plan_film,
}
"""Protocol name -> function that builds its plan."""

STUDY = "study"
"""Name of the protocol for user studies: it reads answers, not pictures, and has no plan."""

PICTURES: Final = set(PROTOCOLS) - {"film"}
"""Protocols that evaluate single pictures and accept several addresses in `--data`."""

FLAGS: Final = {
    "hints": {"colors"},
    "lpips": {"colors"},
    "answers": {STUDY},
    "targets": {"paper_004"},
    "lines": {"film"},
    "classes": {"paper_000"},
    "prompt": {"paper_000"},
    "clip": {"paper_000"},
    "fid_features": {"paper_001", "paper_002", "paper_004"},
    "baselines": {"colors", "paper_002"},
    "network_size": PICTURES,
    "full_size": {"paper_001"},
    "weights": PICTURES,
    "limit": PICTURES,
    "only": PICTURES,
    "sheet": PICTURES,
    "group": PICTURES - {"paper_004"},
    "seed": set(PROTOCOLS),
}
"""Flag -> the only protocols that accept it."""


def check(protocol: str, request: Request) -> None:
    """Validate the flags of a protocol.

    Raises:
        ValueError: a flag is invalid or belongs to another protocol, or the protocol is unknown.
    """
    if protocol not in (*PROTOCOLS, STUDY):
        known = ", ".join((*PROTOCOLS, STUDY))
        raise ValueError(f"no protocol is called {protocol!r}; there are {known}")
    request.check()
    usual = Request(data=request.data)
    for flag, protocols in FLAGS.items():
        if getattr(request, flag) != getattr(usual, flag) and protocol not in protocols:
            raise ValueError(
                f"--{flag.replace('_', '-')} is for {', '.join(sorted(protocols))}, not for "
                f"{protocol}"
            )
    if protocol not in PICTURES and len(request.places) > 1:
        raise ValueError(f"{protocol} takes one address in --data, not {len(request.places)}")
    if request.network_size == 0 and protocol != "colors":
        raise ValueError("--network-size 0, each picture at its own size, is for colors")


def open_plan(protocol: str, request: Request) -> EvaluationPlan:
    """Build the plan of one of `PROTOCOLS`.

    Raises:
        ValueError: a flag is invalid, or no score can be computed.
        OSError: a file or folder of a flag cannot be read.
    """
    plan = PROTOCOLS[protocol](request)
    if not plan.scores:
        raise ValueError(f"no score is left: {next(iter(plan.missing.values()))}")
    return plan
