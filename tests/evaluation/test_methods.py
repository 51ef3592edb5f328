import pickle
from pathlib import Path

import numpy as np
import pytest

from lineart.datasets.samples import Picture
from lineart.evaluation.methods import (
    WHITE_PAPER,
    make_case,
    methods_at,
    name_weights,
    open_colorizers,
    open_translators,
    run_trial,
)
from lineart.evaluation.networks import load_lpips
from lineart.evaluation.session import Session
from lineart.image import resize
from lineart.imaging.baselines import BASELINES
from lineart.imaging.hints import no_hints, pool_hints
from lineart.inference import Colorizer, Translator
from lineart.models import from_files
from lineart.storage import Storage
from lineart.weights import fingerprint, read_weights
from tests.film.photographs import draw_photo, write_weights


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    """Give weights that draw."""
    return write_weights(tmp_path / "drawing", "line_drawing", width=2, blocks=1)


def test_network_is_a_way(pair: Picture, tiny_weights: Path) -> None:
    """A network gets pooled hints, gives what it gives by itself, and says which it is."""
    files = read_weights(Storage.at(str(tiny_weights)))
    (network,) = open_colorizers((str(tiny_weights),)).values()
    case = make_case(pair, 0)
    trial = run_trial(case, 9, {"net": network.run}, 0)
    colorizer = Colorizer(from_files(files))
    pooled = pool_hints(trial.hint, colorizer.draft_scale)
    np.testing.assert_array_equal(trial.colors["net"], colorizer(case.line[None], pooled[None])[0])
    assert network.facts == {"model": "additive_unet", "sha256": fingerprint(files)}


@pytest.mark.parametrize(("size_px", "size"), [(64, (64, 85)), (500, (72, 96))])
def test_translating_network_sees_the_size_asked_for(
    drawing: Path, size_px: int, size: tuple[int, int]
) -> None:
    """A drawing comes in three equal channels; a small photograph is not enlarged."""
    (network,) = open_translators((str(drawing),), size_px).values()
    photo = draw_photo(0)
    shown = network.run(photo)
    translator = Translator(from_files(read_weights(Storage.at(str(drawing)))))
    np.testing.assert_array_equal(shown[..., 0], translator(resize(photo, size)[None]).pictures[0])
    np.testing.assert_array_equal(shown[..., 0], shown[..., 2])


def test_network_of_one_size_sees_that(tmp_path: Path) -> None:
    """Where weights take squares of one size alone, the photograph becomes one."""
    weights = write_weights(tmp_path / "w", "ugatit", width=4, blocks=1, size_px=64)
    (network,) = open_translators((str(weights),), 512).values()
    assert network.run(draw_photo(0)).shape == (64, 64, 3)


def test_without_hints_there_is_one_baseline(tiny_weights: Path) -> None:
    """White paper stands for all baselines; with hints it does not appear."""
    weights = (f"net={tiny_weights}",)
    session = Session()
    assert list(methods_at(0, session, weights, tuple(BASELINES))) == ["net", WHITE_PAPER]
    assert list(methods_at(1, session, weights, tuple(BASELINES))) == ["net", *BASELINES]
    white = methods_at(0, session, weights)[WHITE_PAPER]
    assert (white(np.zeros((4, 5), np.uint8), no_hints((4, 5))) == 255).all()


def test_weights_have_names() -> None:
    """One's own, the run's of a folder called weights, and no two the same."""
    named = name_weights(("a=runs/x/weights", "runs/y/weights", "s3://bucket/y", "default"))
    assert named == {
        "a": "runs/x/weights",
        "y": "runs/y/weights",
        "y 3": "s3://bucket/y",
        "default": "default",
    }
    with pytest.raises(ValueError, match="at least one"):
        name_weights(())


@pytest.mark.parametrize("name", [*BASELINES, WHITE_PAPER, "painted truth", "photograph"])
def test_weights_are_not_called_as_another_way(name: str) -> None:
    """A name that would be replaced by a baseline is refused, whoever gave it."""
    for weights in (f"{name}=default", f"runs/{name}/weights"):
        with pytest.raises(ValueError, match=f"cannot be called '{name}'"):
            name_weights((weights,))


def test_a_session_opens_networks_once(tiny_weights: Path) -> None:
    """Until it is closed; a copy in another process opens its own."""
    session, weights = Session(), (str(tiny_weights),)
    first = session.open(open_colorizers, weights)
    assert session.open(open_colorizers, weights) is first
    assert not pickle.loads(pickle.dumps(session))._opened
    session.close()
    assert session.open(open_colorizers, weights) is not first


def test_a_session_says_why_it_cannot_open() -> None:
    """The reason of a known error comes back; nothing is kept."""
    session = Session()
    assert session.why_not(load_lpips, "resnet").startswith("--lpips resnet: there are")
    assert session.why_not(str, 7) == ""
    assert session.open(str, 7) == "7"


def test_weights_must_do_what_is_asked(drawing: Path, tiny_weights: Path) -> None:
    """Who colours does not translate, and the other way round."""
    with pytest.raises(ValueError, match="turn photographs into drawings"):
        open_colorizers((str(drawing),))
    with pytest.raises(ValueError, match="colour line drawings"):
        open_translators((str(tiny_weights),), 64)
