from pathlib import Path

import pytest

from lineart.evaluation.inputs import make_absolute
from lineart.evaluation.methods import name_weights
from lineart.evaluation.request import (
    ClipScoreRequest,
    ColorsRequest,
    FilmRequest,
    KidRequest,
    Request,
    StudyRequest,
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own, whose name has a comma, with a file in it."""
    folder = tmp_path / "a,b"
    folder.mkdir()
    (folder / "w.pth").touch()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            KidRequest(images=("a", "s3://bucket/b"), targets=("x/t",), fid_features="w.pth"),
            KidRequest(
                images=("HERE/a", "s3://bucket/b"),
                targets=("HERE/x/t",),
                fid_features="HERE/w.pth",
            ),
        ),
        (
            ColorsRequest(images=("a",), held_out="o", lpips="alex=w.pth"),
            ColorsRequest(images=("HERE/a",), held_out="HERE/o", lpips="alex=HERE/w.pth"),
        ),
        (
            ClipScoreRequest(images=("a",), classes="c.json", clip="ViT-B-32=w.pth"),
            ClipScoreRequest(images=("HERE/a",), classes="HERE/c.json", clip="ViT-B-32=HERE/w.pth"),
        ),
        (FilmRequest(film="f", lines="l"), FilmRequest(film="HERE/f", lines="HERE/l")),
        (
            StudyRequest(study="s", answers=("p/1.json", "q")),
            StudyRequest(study="HERE/s", answers=("HERE/p/1.json", "HERE/q")),
        ),
    ],
)
def test_relative_addresses_become_absolute(here: Path, given: Request, expected: Request) -> None:
    """What lies below this folder is found from any other; buckets and bare names stay."""
    found = make_absolute(given)
    assert repr(found) == repr(expected).replace("HERE", str(here))
    assert make_absolute(found) == found


def test_weights_keep_their_names(here: Path) -> None:
    """Own names, names of folders and those that come with the program stay what they were."""
    weights = ("ours=runs/a", "runs/lr=0.1/weights", "default", "new=default", "s3://bucket/y")
    found = make_absolute(ColorsRequest(images=("x",), weights=weights)).weights
    assert list(name_weights(found)) == list(name_weights(weights))
    assert found == (f"ours={here}/runs/a", f"{here}/runs/lr=0.1/weights", *weights[2:])
