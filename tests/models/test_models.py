import json

import numpy as np
import pytest
import torch

from lineart.models import MODELS, build_empty, from_files, hint_maps, to_files
from lineart.models.layers import fold_batch_norm
from lineart.models.pair import BorderSearch, Matching, Pair, Translation
from tests.models.parameters import count_parameters

PICTURES = [n for n in MODELS if not isinstance(build_empty(n, {}).task, Matching)]
"""Models whose generators take and give pictures."""


def build(name: str) -> Pair:
    """Build a family's small pair."""
    small = build_empty(name, {}).small
    torch.manual_seed(0)
    return MODELS[name](**small.arguments)


def size_of(pair: Pair) -> tuple[int, int]:
    """Give height and width of pictures that a pair takes."""
    if isinstance(pair.task, Translation) and pair.task.size_px:
        return pair.task.size_px, pair.task.size_px
    least = max(pair.multiple, 16)
    return least, 2 * least


def encode(pair: Pair, hint: np.ndarray, line: np.ndarray) -> torch.Tensor:
    """Encode hints as input of the draft generator."""
    return pair.colorization.encode_hint(torch.from_numpy(hint), torch.from_numpy(line))


def run(pair: Pair, chosen: slice = slice(None)) -> dict[str, torch.Tensor]:
    """Run both generators, one after the other, on the chosen ones of two pictures."""
    random = torch.Generator().manual_seed(1)
    height, width = size_of(pair)
    if isinstance(pair.task, Translation):
        photo = (torch.rand(2, 3, height, width, generator=random) * 2 - 1)[chosen]
        picture = pair.generators["target"](photo).picture
        return {"target": picture, "source": pair.generators["source"](picture).picture}
    if isinstance(pair.task, BorderSearch):
        both = torch.rand(2, 5, height, width, generator=random)[chosen] * 2 - 1
        return {"borders": pair.border_network(both[:, :1], both[:, 1:])}
    scale = pair.task.draft_scale
    line = (torch.rand(2, 1, height, width, generator=random) * 2 - 1)[chosen]
    hint = np.zeros((len(line), height // scale, width // scale, 4), np.uint8)
    hint[:, 3, 5] = 200, 10, 90, 255
    small = torch.nn.functional.avg_pool2d(line, scale)
    paper = np.full(hint.shape[:3], 255, np.uint8)
    if "draft" not in pair.generators:
        return {"color": pair.generators["color"](line, encode(pair, hint, paper))}
    draft = pair.generators["draft"](small, encode(pair, hint, paper))
    large = torch.nn.functional.interpolate(draft, scale_factor=scale)
    return {"draft": draft, "color": pair.generators["color"](line, large)}


@pytest.mark.parametrize("name", PICTURES)
def test_outputs_have_the_size_of_their_inputs(name: str) -> None:
    """Both generators give pictures in the sizes that the pair promises, within -1..1."""
    pair = build(name)
    height, width = size_of(pair)
    out = run(pair)
    if isinstance(pair.task, Translation):
        assert out["target"].shape == (2, pair.task.channels, height, width)
        assert out["source"].shape == (2, 3, height, width)
    elif isinstance(pair.task, BorderSearch):
        assert out.pop("borders").shape == (2, 1, height, width)
    else:
        scale = pair.task.draft_scale
        if "draft" in out:
            assert out["draft"].shape == (2, 3, height // scale, width // scale)
        assert out["color"].shape == (2, 3, height, width)
    assert all(o.abs().max() <= 1 for o in out.values())


@pytest.mark.parametrize(
    ("name", "draft", "color"),
    [
        ("additive_unet", 13_071_072, 13_071_072),
        ("concat_unet", 18_642_496, 18_642_496),
        ("two_stage", 22_199_616, 5_499_936),
    ],
)
def test_full_size_counts_are_the_papers(name: str, draft: int, color: int) -> None:
    """Paper 002 states the counts of the U-Nets; paper 001's draft has about 22.19 million."""
    with torch.device("meta"):
        pair = MODELS[name]()
    counts = {key: count_parameters(value) for key, value in pair.generators.items()}
    assert counts == {"draft": draft, "color": color}


@pytest.mark.parametrize("name", PICTURES)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    """No layer is left out of the forward pass."""
    pair = build(name)
    out = run(pair)
    sum(o.square().sum() for o in out.values()).backward()
    for generator in pair.generators.values():
        for key, parameter in generator.named_parameters():
            assert parameter.grad is not None, key
            assert parameter.grad.abs().sum() > 0 or key.endswith("bias"), key


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_do_not_depend_on_their_neighbours(name: str) -> None:
    """In evaluation, each picture of a batch is what it is alone, and different from the others."""
    pair = build(name)
    for generator in pair.generators.values():
        generator.eval()
    for key, batch in run(pair).items():
        torch.testing.assert_close(run(pair, slice(1, 2))[key], batch[1:])
        assert not torch.allclose(batch[0], batch[1])


@pytest.mark.parametrize("name", PICTURES)
def test_folding_batch_norm_changes_nothing(name: str) -> None:
    """A folded generator gives the colours of the generator it comes from."""
    pair = build(name)
    run(pair)  # Moves the running statistics off their start.
    for generator in pair.generators.values():
        generator.eval()
    before = run(pair)
    for generator in pair.generators.values():
        fold_batch_norm(generator)
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in generator.modules())
    after = run(pair)
    for key in before:
        torch.testing.assert_close(after[key], before[key], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_files_give_the_same_pair_back(name: str) -> None:
    """Stored and read, a pair has the same tensors, and the files name no path."""
    pair = build(name)
    files = to_files(pair)
    assert set(files) == {"config.json", *(f"{key}.safetensors" for key in pair.generators)}
    again = from_files(files)
    assert (again.arguments, again.task) == (pair.arguments, pair.task)
    for key, generator in pair.generators.items():
        state = again.generators[key].state_dict()
        assert all(torch.equal(state[n], t) for n, t in generator.state_dict().items())
        assert not again.generators[key].training


def test_half_files_are_half_as_large_and_read_as_float32() -> None:
    """16-bit storage is a matter of the files alone."""
    pair = build("additive_unet")
    full, half = to_files(pair), to_files(pair, half=True)
    assert len(half["color.safetensors"]) < 0.6 * len(full["color.safetensors"])
    again = from_files(half)
    assert all(p.dtype == torch.float32 for p in again.generators["color"].parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "unknown"}, "must name a model"),
        ({"arguments": {"width": 4}}, "must give the arguments"),
        ({"arguments": {"width": True, "color_width": 8}}, "must be whole"),
        ({"arguments": {"width": 10**9, "color_width": 8}}, "1 to 1024"),
        ({"arguments": {"width": 8, "color_width": 8}}, "does not fit"),
        ({"draft_scale": 2}, "says"),
        ({"note": "more"}, "says"),
    ],
)
def test_a_wrong_config_is_refused(change: dict[str, object], message: str) -> None:
    """A config that does not describe the tensors is a ValueError that says why."""
    files = to_files(build("additive_unet"))
    config = json.loads(files["config.json"]) | change
    with pytest.raises(ValueError, match=message):
        from_files({**files, "config.json": json.dumps(config).encode()})


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("config.json", b"{", "not JSON"),
        ("config.json", b"[]", "must name a model"),
        ("draft.safetensors", b"nonsense", "not a safetensors file"),
        ("color.safetensors", None, "lack color.safetensors"),
    ],
)
def test_broken_files_are_refused(name: str, data: bytes | None, message: str) -> None:
    """A missing or broken file is a ValueError that names it."""
    files = to_files(build("additive_unet"))
    if data is None:
        del files[name]
    else:
        files[name] = data
    with pytest.raises(ValueError, match=message):
        from_files(files)


@pytest.mark.parametrize("name", ["two_stage", "additive_unet", "concat_unet"])
def test_no_hint_differs_from_every_color(name: str) -> None:
    """Black, white and "no hint" are three different inputs of either family, within -1..1."""
    hint = np.zeros((3, 8, 8, 4), np.uint8)
    hint[0, 4, 4] = 0, 0, 0, 255
    hint[1, 4, 4] = 255, 255, 255, 255
    encoded = encode(build(name), hint, np.full((3, 8, 8), 255, np.uint8))
    assert len({tuple(pixel.tolist()) for pixel in encoded[:, :, 4, 4]}) == 3
    assert encoded.abs().max() <= 1


def test_additive_unet_floods_regions_with_their_hints() -> None:
    """Each side of a line has its own hint's colour; a hint on ink floods nothing.

    A light one keeps its own pixel, a dark one is taken for the ink.
    """
    hint = np.zeros((1, 20, 30, 4), np.uint8)
    hint[0, 10, 8] = 255, 0, 0, 255
    hint[0, 10, 25] = 0, 0, 255, 255
    hint[0, 3, 11] = 120, 255, 120, 255
    hint[0, 16, 11] = 20, 40, 20, 255
    line = np.full((1, 20, 30), 255, np.uint8)
    line[:, :, 11] = 0
    encoded = encode(build("additive_unet"), hint, line)[0]
    red, blue = torch.tensor([1.0, -1.0, -1.0]), torch.tensor([-1.0, -1.0, 1.0])
    for y, x, color in ((0, 0, red), (19, 9, red), (0, 13, blue), (19, 29, blue)):
        # Through ink flows exp(-12) of what flows on paper.
        torch.testing.assert_close(encoded[:, y, x], color, atol=1e-3, rtol=0)
    light, grey = torch.tensor([120.0, 255.0, 120.0]) / 127.5 - 1, (red + blue) / 2
    torch.testing.assert_close(encoded[:, 3, 11], light)
    assert (encoded[:, 16, 11] - grey).abs().max() <= 1  # Of what lies beside it, not of ink.
    assert encoded[1, 16, 11] == -1


def test_hints_in_the_corners_flood_too() -> None:
    """No border pixel is lost: hints in the corners of four rooms colour all of them."""
    hint = np.zeros((1, 16, 16, 4), np.uint8)
    line = np.full((1, 16, 16), 255, np.uint8)
    line[:, 8], line[:, :, 8] = 0, 0
    corners = [(0, 0), (0, 15), (15, 0), (15, 15)]
    for value, (y, x) in enumerate(corners, start=1):
        hint[0, y, x] = 60 * value, 0, 0, 255
    encoded = encode(build("additive_unet"), hint, line)[0]
    for value, (y, x) in enumerate(corners, start=1):
        inner = encoded[0, abs(y - 6), abs(x - 6)]
        expected = torch.tensor(60 * value / 127.5 - 1)
        torch.testing.assert_close(inner, expected, atol=1e-3, rtol=0)


def test_colors_flow_where_no_line_is() -> None:
    """Between two hints on open paper colours are mixed, monotonously; the hints keep theirs."""
    hint = np.zeros((1, 9, 17, 4), np.uint8)
    hint[0, :, 0] = 255, 0, 0, 255
    hint[0, :, 16] = 0, 0, 255, 255
    red = encode(build("additive_unet"), hint, np.full((1, 9, 17), 255, np.uint8))[0, 0, 4]
    assert (red[0], red[16]) == (1, -1)
    assert (red.diff() <= 0).all()
    assert -0.5 < red[9] < red[7] < 0.5


def test_flow_is_the_mean_of_neighbours_step_by_step() -> None:
    """The quick arithmetic by planes gives the bits of the plain one, pixel after pixel."""
    rng = np.random.default_rng(0)
    line = rng.integers(0, 256, (5, 6), dtype=np.uint8)
    color = rng.random((5, 6, 3), dtype=np.float32) * 255
    is_source = rng.random((5, 6)) < 0.2
    flowing = hint_maps.flow(color, line, is_source)

    ink, own = 1 - line.astype(np.float32) / 255, np.float32(1e-4)
    expected = color.copy()
    for _ in range(hint_maps.ROUNDS):
        before = expected.copy()
        for y, x in np.argwhere(~is_source):
            mixed, total = own * before[y, x], own
            for near in ((y, x - 1), (y, x + 1), (y - 1, x), (y + 1, x)):
                if min(near) >= 0 and near[0] < 5 and near[1] < 6:
                    share = np.exp(-hint_maps.CONTRAST * np.maximum(ink[y, x], ink[near]))
                    mixed, total = mixed + share * before[near], total + share
            expected[y, x] = mixed / total
    np.testing.assert_array_equal(flowing, expected)


def test_additive_unet_begins_with_the_colors_that_go_in() -> None:
    """Before any training the result is the flooded hints, or the draft, within 4 grey levels."""
    torch.manual_seed(0)
    color = torch.rand(1, 3, 64, 64) * 2 - 1
    for generator in build("additive_unet").generators.values():
        with torch.no_grad():
            made = generator.eval()(torch.ones(1, 1, 64, 64), color)
        assert (made - color).abs().max() < 4 / 127.5
