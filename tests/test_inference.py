import numpy as np
import pytest
import torch

from lineart.image import resize
from lineart.imaging.hints.pixels import pool_hints, resize_hints
from lineart.inference import (
    BorderFinder,
    PairColorizer,
    Translator,
    color_to_tensor,
    enlarge,
    heat_to_pixels,
    line_to_tensor,
    tensor_to_colors,
)
from lineart.metrics import psnr
from lineart.models import MODELS, from_files
from lineart.runtime.device import PRECISIONS
from lineart.sample_film import sample_film
from lineart.weights import open_weights, read_weights
from tests.models.test_models import build


@pytest.fixture(params=["two_stage", "additive_unet", "concat_unet"])
def colorizer(request: pytest.FixtureRequest) -> PairColorizer:
    """Return a small pair of each colorizing model, ready to run."""
    return PairColorizer(build(request.param))


def drawings(count: int, height: int, width: int, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """Give drawings of noise with one hint each."""
    rng = np.random.default_rng(0)
    lines = rng.integers(0, 256, (count, height, width), dtype=np.uint8)
    hints = np.zeros((count, -(-height // scale), -(-width // scale), 4), np.uint8)
    hints[:, 2, 3] = 30, 200, 90, 255
    return lines, hints


@pytest.mark.parametrize(("height", "width"), [(64, 64), (61, 97), (130, 33), (1, 1)])
def test_any_size_comes_back(colorizer: PairColorizer, height: int, width: int) -> None:
    """Colours have the size of the drawings, whatever it is."""
    lines, hints = drawings(1, max(height, 20), max(width, 20), colorizer.draft_scale)
    hints = hints[:, : -(-height // colorizer.draft_scale), : -(-width // colorizer.draft_scale)]
    colors = colorizer(lines[:, :height, :width], hints)
    assert colors.shape == (1, height, width, 3)
    assert colors.dtype == np.uint8


@pytest.mark.parametrize("batch_size", [1, 3])
def test_borders_have_the_size_of_the_drawings_and_grouping_changes_no_bit(batch_size: int) -> None:
    """Of any size, alone and among others; a network that colours finds none."""
    finder = BorderFinder(build("border_unet"), batch_size=batch_size)
    lines, paints = drawings(4, 70, 90, 1)
    together = finder(lines, paints)
    assert together.shape == lines.shape
    assert together.dtype == np.uint8
    alone = [finder(lines[i : i + 1], paints[i : i + 1]) for i in range(4)]
    np.testing.assert_array_equal(together, np.concatenate(alone))
    with pytest.raises(ValueError, match="it does not find borders"):
        BorderFinder(build("hint_unet"))


@pytest.mark.parametrize("batch_size", [1, 3])
def test_grouping_changes_no_bit(batch_size: int) -> None:
    """A drawing's colours are the same alone and among others."""
    torch.manual_seed(0)
    colorizer = PairColorizer(MODELS["additive_unet"](width=8), batch_size=batch_size)
    lines, hints = drawings(4, 70, 90, colorizer.draft_scale)
    together = colorizer(lines, hints)
    alone = [colorizer(lines[i : i + 1], hints[i : i + 1]) for i in range(4)]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def test_no_drawings_give_no_colors(colorizer: PairColorizer) -> None:
    """An empty batch is an empty answer."""
    lines, hints = drawings(0, 64, 64, colorizer.draft_scale)
    assert colorizer(lines, hints).shape == (0, 64, 64, 3)


def test_hints_of_another_size_are_refused(colorizer: PairColorizer) -> None:
    """Hints that were not pooled are a ValueError that says what to call."""
    lines, _ = drawings(1, 64, 64, colorizer.draft_scale)
    with pytest.raises(ValueError, match="pool_hints"):
        colorizer(lines, np.zeros((1, 64, 64, 4), np.uint8))


def test_bfloat16_moves_no_color_visibly() -> None:
    """The included weights give the same picture in half precision, to 45 dB and more."""
    pair = from_files(read_weights(open_weights("default")))
    half, full = (PairColorizer(pair, precision=precision) for precision in PRECISIONS)
    for frame in sample_film(size=(540, 960), frames_per_shot=1):
        assert frame.hint is not None
        line, hint = resize(frame.line, (128, 228)), resize_hints(frame.hint, (128, 228))
        work = line[np.newaxis], pool_hints(hint, half.draft_scale)[np.newaxis]
        assert psnr(half(*work)[0], full(*work)[0]) > 45


@pytest.mark.parametrize(("feature", "chosen"), [("avx512_bf16", "bfloat16"), ("avx2", "float32")])
def test_the_format_is_that_which_the_processor_multiplies(
    feature: str, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A film, an evaluation and the demo choose like this; emulated bfloat16 takes 20 times."""
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {feature: True})
    users = (
        (PairColorizer, "two_stage"),
        (BorderFinder, "border_unet"),
        (Translator, "line_drawing"),
    )
    for kind, model in users:
        assert kind(build(model)).dtype == getattr(torch, chosen)


def test_colors_survive_the_way_to_tensors_and_back() -> None:
    """All 256 levels come back as they were."""
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    tensor = color_to_tensor(torch.from_numpy(levels))
    assert (tensor.min(), tensor.max()) == (-1, 1)
    np.testing.assert_array_equal(tensor_to_colors(tensor), levels)


def test_paper_is_1_and_ink_is_minus_1() -> None:
    """The networks' convention for drawings, stated once in `LineBatch`."""
    line = line_to_tensor(torch.tensor([[[0, 255]]], dtype=torch.uint8))
    assert line.tolist() == [[[[-1.0, 1.0]]]]


def test_a_flat_draft_stays_flat_when_enlarged() -> None:
    """Enlarging makes no values of its own."""
    large = enlarge(torch.full((1, 3, 4, 5), 0.25), 4)
    assert large.shape == (1, 3, 16, 20)
    assert (large == 0.25).all()


TRANSLATORS = ("line_drawing", "ugatit_light", "ugatit_public_light")


def translate(name: str, batch_size: int = 1) -> Translator:
    """Give a translator of a small, untrained pair."""
    return Translator(build(name), batch_size=batch_size, precision="float32")


@pytest.mark.parametrize("name", TRANSLATORS)
@pytest.mark.parametrize("size", [(1, 1), (7, 40), (33, 50), (64, 64)])
def test_photographs_of_any_size_keep_it(name: str, size: tuple[int, int]) -> None:
    """Whatever the multiple, the picture has the photograph's size; drawings have one channel."""
    photos = np.random.default_rng(0).integers(0, 256, (3, *size, 3), dtype=np.uint8)
    answers = translate(name, batch_size=2)(photos)
    channels = () if name == "line_drawing" else (3,)
    assert answers.pictures.shape == (3, *size, *channels)
    assert answers.pictures.dtype == np.uint8
    assert (answers.heats is None) == (name == "line_drawing")


@pytest.mark.parametrize("name", TRANSLATORS)
def test_a_photograph_does_not_see_its_neighbours(name: str) -> None:
    """Alone or beside another, a photograph gives the same bits."""
    photos = np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)
    translator = translate(name, batch_size=2)
    together, alone = translator(photos), translator(photos[:1])
    assert np.array_equal(together.pictures[0], alone.pictures[0])


def test_translator_gives_what_the_generator_gives() -> None:
    """At a size that needs no padding: -1..1 becomes 0..255, rounded."""
    pair = build("line_drawing")
    photos = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    given = torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        expected = pair.generators["target"].eval()(given).picture[0, 0]
    found = Translator(pair, precision="float32")(photos).pictures[0].astype(np.float32)
    np.testing.assert_allclose(found, (expected.numpy() + 1) * 127.5, atol=0.51)


def test_heat_spreads_over_its_range() -> None:
    """The least heat of a picture is 0, the most 255; even heat is 0."""
    heat = torch.tensor([[[[2.0, 4.0], [3.0, 6.0]]], [[[1.0, 1.0], [1.0, 1.0]]]])
    assert heat_to_pixels(heat).tolist() == [[[0, 128], [64, 255]], [[0, 0], [0, 0]]]


def test_a_welded_network_names_its_size() -> None:
    """The full generator of `ugatit` takes one size alone."""
    pair = MODELS["ugatit"](width=2, blocks=1, size_px=32)
    with pytest.raises(ValueError, match="32x32 alone"):
        Translator(pair)(np.zeros((1, 40, 32, 3), np.uint8))


def test_each_task_refuses_the_other_pairs() -> None:
    """A pair that translates colours nothing, and the other way round."""
    with pytest.raises(ValueError, match="translates pictures"):
        PairColorizer(MODELS["line_drawing"](width=2, blocks=1))
    with pytest.raises(ValueError, match="colours drawings"):
        Translator(MODELS["additive_unet"](width=2))
