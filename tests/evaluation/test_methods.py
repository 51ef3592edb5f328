import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lineart.datasets.samples import NamedPicture
from lineart.evaluation.baselines import BASELINES, nearest_fill
from lineart.evaluation.colors import (
    MAX_DB,
    hint_difference,
    score,
    sets_of,
    sheet_row,
)
from lineart.evaluation.methods import (
    WHITE_FILL,
    make_case,
    methods_at,
    name_weights,
    open_colorizers,
    open_translators,
    run_trial,
)
from lineart.evaluation.networks import load_lpips
from lineart.evaluation.session import Session
from lineart.film.tasks.translate import (
    MARGIN_PX,
    clean_drawings,
    cut_margin,
    reflect_margin,
)
from lineart.image import resize
from lineart.imaging.compositing.frequency import compose_as_drawn
from lineart.imaging.hints.cleaning import drop_ink_hints
from lineart.imaging.hints.pixels import find_hints, no_hints
from lineart.imaging.lines.extraction import dilate_abs_sub, xdog
from lineart.imaging.samples.cels import remove_lines
from lineart.inference import PairColorizer, Translator
from lineart.models import from_files
from lineart.storage import Storage
from lineart.weights import fingerprint, read_weights
from tests.film.photographs import draw_photo, write_weights


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    """Give weights that draw."""
    return write_weights(tmp_path / "drawing", "line_drawing", width=2, blocks=1)


def test_network_is_a_way(pair: NamedPicture, tiny_weights: Path) -> None:
    """A network gets pooled hints, gives what it gives by itself, and says which it is."""
    files = read_weights(Storage.at(str(tiny_weights)))
    (network,) = open_colorizers((str(tiny_weights),)).values()
    case = make_case(pair, 0)
    trial = run_trial(case, 9, {"net": network.run}, 0)
    colorizer = PairColorizer(from_files(files))
    hints = drop_ink_hints(find_hints(trial.hint), case.line)
    pooled = hints.pool(colorizer.draft_scale).picture()
    np.testing.assert_array_equal(trial.colors["net"], colorizer(case.line[None], pooled[None])[0])
    assert network.facts == {"model": "additive_unet", "sha256": fingerprint(files)}


@pytest.mark.parametrize(("size_px", "size"), [(64, (64, 85)), (500, (108, 144))])
def test_translating_network_sees_the_size_asked_for(
    drawing: Path, size_px: int, size: tuple[int, int]
) -> None:
    """A drawing comes in three equal channels; a small photograph is enlarged by half."""
    (network,) = open_translators((str(drawing),), size_px).values()
    photo = draw_photo(0)
    shown = network.run(photo)
    translator = Translator(from_files(read_weights(Storage.at(str(drawing)))))
    (drawn,) = translator(reflect_margin(resize(photo, size)[None], MARGIN_PX)).pictures
    (expected,) = clean_drawings(cut_margin(drawn[None], MARGIN_PX))
    np.testing.assert_array_equal(shown[..., 0], expected)
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
    assert list(methods_at(0, session, weights, tuple(BASELINES))) == ["net", WHITE_FILL]
    assert list(methods_at(1, session, weights, tuple(BASELINES))) == ["net", *BASELINES]
    white = methods_at(0, session, weights)[WHITE_FILL]
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


@pytest.mark.parametrize("name", [*BASELINES, WHITE_FILL, "painted truth", "photograph"])
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


# Trials.


def test_truth_is_perfect(pair: NamedPicture) -> None:
    """The painted truth gets the highest score; composed it is the picture, but for soft rims."""
    case = make_case(pair, 0)
    trial = run_trial(case, 20, {"truth": lambda *_: case.painted}, 0)
    found = score(trial.colors["truth"], trial)
    assert (found["psnr"], found["de_hints"]) == (MAX_DB, 0)
    assert found["ssim"] == pytest.approx(1)
    assert 20 < found["psnr_composed"] < MAX_DB
    assert 0 <= found["leakage"] < 0.5


def test_line_is_drawn_or_extracted(pair: NamedPicture) -> None:
    """Drawn lines are used; without them even numbers get soft lines, odd ones XDoG's."""
    color = pair.color
    np.testing.assert_array_equal(make_case(pair, 0).line, pair.line)
    bare = replace(pair, line=None)
    np.testing.assert_array_equal(make_case(bare, 1).line, xdog(color, sigma=0.4))
    pale = 255 - dilate_abs_sub(color, 4).astype(int)
    soft = make_case(bare, 2).line
    np.testing.assert_array_equal(soft, 255 - np.minimum(pale * 3, 255))
    np.testing.assert_array_equal(make_case(bare, 2).painted, remove_lines(color, soft))
    trial = run_trial(make_case(bare, 2), 0, {"n": nearest_fill}, 0)
    found = score(trial.colors["n"], trial)
    assert not {"psnr_composed", "ssim_composed", "de_hints"} & found.keys()
    assert sets_of(trial.case, "here") == ("here", "source ")


def test_composed_at_full_size(pair: NamedPicture) -> None:
    """Coloured at half the size, composed at its own: colours and lines fit, edges are soft."""
    case = make_case(pair, 0, source="s", network_size_px=36)
    assert case.color.shape == (36, 64, 3)
    trial = run_trial(case, 0, {"truth": lambda *_: case.painted}, 0)
    found = score(trial.colors["truth"], trial)
    assert found["psnr"] == MAX_DB
    assert 15 < found["psnr_composed"] < MAX_DB
    assert sets_of(case, "a") == ("a", "a, drawn lines", "a, full size", "source s")
    grown = make_case(pair, 0, source="s", network_size_px=144)
    assert sets_of(grown, "a") == ("a", "a, drawn lines", "source s")


def test_composed_scores_lay_lines_as_drawn() -> None:
    """Pencil lighter than mid-grey darkens the colours as in the picture: nothing differs."""
    line = np.full((40, 60), 255, np.uint8)
    line[10:13] = 170
    flat = np.full((40, 60, 3), (90, 150, 240), np.uint8)
    inked = np.where((line < 255)[..., None], (60, 100, 160), flat).astype(np.uint8)
    picture = NamedPicture("p", inked, line)
    trial = run_trial(make_case(picture, 0), 0, {"flat": lambda *_: flat}, 0)
    found = score(flat, trial)
    assert (found["psnr_composed"], found["ssim_composed"]) == (MAX_DB, pytest.approx(1))
    np.testing.assert_array_equal(compose_as_drawn(flat, line), picture.color)


def test_all_ways_see_the_same_hints(pair: NamedPicture) -> None:
    """Hints depend on seed, number and count alone, have the picture's colours, and are as many."""
    case = make_case(pair, 4)
    first = run_trial(case, 16, {"a": nearest_fill}, 7)
    again = run_trial(case, 16, {"b": nearest_fill, "c": BASELINES["levin"]}, 7)
    np.testing.assert_array_equal(first.hint, again.hint)
    np.testing.assert_array_equal(first.colors["a"], again.colors["b"])
    is_hint = first.hint[..., 3] > 0
    assert is_hint.sum() == 16
    np.testing.assert_array_equal(first.hint[is_hint, :3], case.color[is_hint])
    for other in (run_trial(case, 16, {}, 8), run_trial(make_case(pair, 5), 16, {}, 7)):
        assert (other.hint != first.hint).any()


def test_difference_counts_hints_on_paper_alone(pair: NamedPicture) -> None:
    """Wrong colours below ink and without a hint do not count; at a hint on paper they do."""
    case = make_case(pair, 0)
    trial = run_trial(case, 200, {}, 0)
    counts = (trial.hint[..., 3] > 0) & (case.line >= 190)
    wrong = np.where(counts[..., None], case.painted, 255 - case.painted)
    assert hint_difference(wrong, trial) == 0
    worse = hint_difference(255 - case.painted, trial)
    assert worse is not None
    assert worse > 5
    ink = replace(trial, hint=np.where((case.line < 190)[..., None], trial.hint, np.uint8(0)))
    assert hint_difference(wrong, ink) is None


def test_a_trial_is_shown_with_all_that_belongs_to_it(pair: NamedPicture) -> None:
    """Drawing, hints, each method and the truth stand side by side; equal methods look alike."""
    trial = run_trial(make_case(pair, 0), 3, {"a": nearest_fill, "b": nearest_fill}, 0)
    row = sheet_row(trial, compose_as_drawn)
    assert row.shape[1] % 5 == 0
    cells = np.split(row[18:], 5, axis=1)
    np.testing.assert_array_equal(cells[2][18:], cells[3][18:])
    assert (cells[2][18:] != cells[4][18:]).any()
