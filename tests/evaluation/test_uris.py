from pathlib import Path

import pytest

from lineart.evaluation.inputs import make_absolute
from lineart.evaluation.methods import name_weights
from lineart.evaluation.request import Request


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own, with a file in it."""
    (tmp_path / "w.pth").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_relative_addresses_become_absolute(here: Path) -> None:
    """What lies below this folder is found from any other; buckets and bare names stay."""
    found = make_absolute(
        Request(
            data="a, s3://bucket/b,x/c",
            targets="t",
            lines="l",
            only="o",
            classes="c.json",
            answers="p/1.json,q",
            fid_features="w.pth",
            lpips="alex=w.pth",
            clip="ViT-B-32=w.pth",
        )
    )
    assert found.data == f"{here}/a,s3://bucket/b,{here}/x/c"
    assert (found.targets, found.lines, found.only) == (f"{here}/t", f"{here}/l", f"{here}/o")
    assert (found.classes, found.answers) == (f"{here}/c.json", f"{here}/p/1.json,{here}/q")
    assert found.fid_features == f"{here}/w.pth"
    assert (found.lpips, found.clip) == (f"alex={here}/w.pth", f"ViT-B-32={here}/w.pth")
    usual = Request(data=str(here))
    assert make_absolute(usual) == usual


def test_weights_keep_their_names(here: Path) -> None:
    """Own names, names of folders and those that come with the program stay what they were."""
    weights = "ours=runs/a,runs/lr=0.1/weights,default,new=default,s3://bucket/y"
    found = make_absolute(Request(data="x", weights=weights)).weights
    assert list(name_weights(found)) == list(name_weights(weights))
    assert found == (
        f"ours={here}/runs/a,{here}/runs/lr=0.1/weights,default,new=default,s3://bucket/y"
    )


def test_commas_above_leave_addresses_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists have commas between: a path with one in it could not be read again."""
    (tmp_path / "a,b").mkdir()
    monkeypatch.chdir(tmp_path / "a,b")
    found = make_absolute(Request(data="c", weights="runs/d", lines="e"))
    assert (found.data, found.weights) == ("c", "runs/d")
    assert found.lines == f"{tmp_path}/a,b/e"
