import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lineart.imaging.samples.artifacts import (
    CHANCES,
    SPRAY_CELLS,
    Artifacts,
    Chances,
    distance_to_stroke,
    distort,
    draw_artifacts,
    draw_flow,
    draw_spray,
    draw_spray_color,
    identity,
    transplant,
)
from tests.artifacts import apply_artifacts

NEVER = Chances(0, 0, 0, 0)
ALWAYS = Chances(1, 1, 1, 1)
EACH = {name: NEVER._replace(**{name: 1}) for name in Chances._fields}


@pytest.fixture
def noise() -> np.ndarray:
    """Return a picture that is not square, of noise."""
    return np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)


def smooth_picture(height: int, width: int) -> np.ndarray:
    """Return a picture of slow waves of colour."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 17 + c) * np.cos(y / 23 - c) for c in range(3)]
    return (127 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)


def draw(color: np.ndarray, seed: int, chances: Chances = CHANCES) -> Artifacts:
    """Draw the faults of a seed."""
    return draw_artifacts(color, np.random.default_rng(seed), chances=chances)


@pytest.mark.parametrize("size", [(128, 128), (60, 90), (1, 7), (33, 2)])
def test_artifacts_are_in_range(size: tuple[int, int]) -> None:
    """At any size, sources are float32 in -1..1 and spray is RGBA of the picture's size."""
    color = smooth_picture(*size)
    for seed in range(20):
        artifacts = draw(color, seed, ALWAYS)
        assert artifacts.source.shape == (*size, 2)
        assert artifacts.source.dtype == np.float32
        assert np.abs(artifacts.source).max() <= 1
        assert artifacts.spray.shape == (*size, 4)
        assert artifacts.spray.dtype == np.uint8
        damaged = apply_artifacts(color, artifacts)
        assert damaged.shape == color.shape
        assert damaged.dtype == np.uint8


def test_no_fault_changes_nothing(noise: np.ndarray) -> None:
    """Without faults noise is unchanged to the bit, each pixel from its own place."""
    artifacts = draw(noise, 0, NEVER)
    np.testing.assert_array_equal(artifacts.source, identity((60, 90)))
    np.testing.assert_array_equal(apply_artifacts(noise, artifacts), noise)


@pytest.mark.parametrize("name", EACH)
def test_every_fault_changes_the_picture(noise: np.ndarray, name: str) -> None:
    """Each fault alone changes its part, the map or the spray, and not the other."""
    artifacts = draw(noise, 1, EACH[name])
    is_moved = bool((artifacts.source != identity((60, 90))).any())
    assert is_moved == (name != "spray")
    assert bool(artifacts.spray.any()) == (name == "spray")
    assert (apply_artifacts(noise, artifacts) != noise).any()


def test_faults_happen_as_often_as_asked() -> None:
    """Over 1000 drafts each kind happens as often as its chance says, and some have none."""
    color = smooth_picture(16, 16)
    drawn = [draw(color, seed) for seed in range(1000)]
    is_sprayed = np.array([artifacts.spray.any() for artifacts in drawn])
    is_moved = np.array([(a.source != identity((16, 16))).any() for a in drawn])
    still = (1 - CHANCES.transplant) * (1 - CHANCES.distortion) * (1 - CHANCES.bleeding)
    assert is_sprayed.mean() == pytest.approx(CHANCES.spray, abs=0.06)
    assert is_moved.mean() == pytest.approx(1 - still, abs=0.06)
    assert (~is_sprayed & ~is_moved).any()


def test_artifacts_are_repeatable(noise: np.ndarray) -> None:
    """The same seed gives the same faults, another seed others."""
    first, again, other = draw(noise, 5, ALWAYS), draw(noise, 5, ALWAYS), draw(noise, 6, ALWAYS)
    np.testing.assert_array_equal(first.source, again.source)
    np.testing.assert_array_equal(first.spray, again.spray)
    assert (first.source != other.source).any()
    assert (first.spray != other.spray).any()


def test_one_color_stays_one_color() -> None:
    """A picture of one colour is unchanged by all faults, because spray has that colour too."""
    for seed, level in enumerate((255, 0, 130)):
        color = np.full((64, 64, 3), level, np.uint8)
        np.testing.assert_array_equal(apply_artifacts(color, draw(color, seed, ALWAYS)), color)


@pytest.mark.parametrize("seed", range(6))
def test_torch_agrees(seed: int) -> None:
    """PyTorch's bilinear samples and a blend give the same picture, within 2 grey levels."""
    color = smooth_picture(96, 128)
    artifacts = draw(color, seed, ALWAYS)
    batch = torch.from_numpy(color).permute(2, 0, 1)[None].float()
    source = torch.from_numpy(artifacts.source)[None]
    moved = F.grid_sample(batch, source, padding_mode="border", align_corners=False)
    spray = torch.from_numpy(artifacts.spray).permute(2, 0, 1)[None].float()
    expected = moved + spray[:, 3:] / 255 * (spray[:, :3] - moved)
    damaged = apply_artifacts(color, artifacts)
    assert np.abs(damaged - expected[0].permute(1, 2, 0).numpy()).max() <= 2


def test_spray_covers_by_its_opacity(noise: np.ndarray) -> None:
    """Opacity 0 leaves the picture, 255 gives the spray's colour, half the mean."""
    still = draw(noise, 0, NEVER)
    spray = np.zeros((60, 90, 4), np.uint8)
    spray[..., :3] = 10, 200, 90
    spray[20:40, :, 3], spray[40:, :, 3] = 51, 255
    damaged = apply_artifacts(noise, replace(still, spray=spray))
    np.testing.assert_array_equal(damaged[:20], noise[:20])
    np.testing.assert_allclose(damaged[20:40], 0.8 * noise[20:40] + [2, 40, 18], atol=0.51)
    assert (damaged[40:] == (10, 200, 90)).all()


def test_a_stroke_is_a_straight_line() -> None:
    """The distance to a stroke is that of rows beside it and of its ends beyond them."""
    along = distance_to_stroke(np.array([[8.5, 4.5], [8.5, 12.5]]))
    np.testing.assert_allclose(along[:, 8], np.abs(np.arange(SPRAY_CELLS) - 8), atol=1e-9)
    assert along[8 + 3, 4 - 4] == pytest.approx(5)
    assert along[8 - 3, 12 + 4] == pytest.approx(5)
    point = distance_to_stroke(np.array([[8.5, 8.5], [8.5, 8.5]]))
    assert point[8 + 3, 8 + 4] == pytest.approx(5)


@pytest.mark.parametrize("seed", range(20))
def test_spray_fades_smoothly(seed: int) -> None:
    """Opacity is above 0.2 at the centre of spray and changes by less than 0.1 a pixel."""
    opacity = draw_spray((256, 256), np.random.default_rng(seed))
    assert 0.2 < opacity.max() <= 1
    assert opacity.min() >= 0
    assert max(np.abs(np.diff(opacity, axis=axis)).max() for axis in (0, 1)) < 0.1


def test_spray_fades_away_from_its_centre(monkeypatch: pytest.MonkeyPatch) -> None:
    """Around a single dab, opacity only falls with the distance."""
    distance = distance_to_stroke(np.array([[8.5, 8.5], [8.5, 8.5]]))
    monkeypatch.setattr("lineart.imaging.samples.artifacts.distance_to_stroke", lambda _: distance)
    opacity = draw_spray((170, 170), np.random.default_rng(3))
    row = opacity[85, 85:]
    assert row[0] == opacity.max()
    assert (np.diff(row) <= 1e-3).all()
    assert row[0] > 2 * row[-1]


def test_spray_has_the_dominant_or_a_sampled_color() -> None:
    """Half of the sprays have the colour that covers most but white, others a pixel's."""
    color = np.full((64, 64, 3), 255, np.uint8)
    color[:20], color[40:45] = (200, 40, 60), (20, 30, 220)
    rng = np.random.default_rng(0)
    drawn = [tuple(draw_spray_color(color, rng).tolist()) for _ in range(400)]
    assert set(drawn) == {(200, 40, 60), (20, 30, 220), (255, 255, 255)}
    # Half are dominant, and of the others every pixel is as likely.
    assert drawn.count((200, 40, 60)) / 400 == pytest.approx(0.5 + 0.5 * 20 / 64, abs=0.08)


@pytest.mark.parametrize("seed", range(10))
def test_transplants_come_from_the_picture(seed: int) -> None:
    """A transplanted region keeps lengths and lies in the picture, with a size of the paper."""
    source = identity((120, 240))
    moved = transplant(source, np.random.default_rng(seed))
    is_moved = (moved != source).any(axis=2)
    taken = (moved[is_moved] + 1) * np.float32((240, 120)) / 2
    assert np.abs(moved).max() <= 1
    sides = taken.max(axis=0) - taken.min(axis=0)
    assert (sides <= 0.75 * np.array((240, 120)) + 1e-3).all()
    # Neighbours stay neighbours, one pixel apart, however the region is turned.
    pixels = moved * np.float32((240, 120)) / 2
    beside, below = is_moved[:, 1:] & is_moved[:, :-1], is_moved[1:] & is_moved[:-1]
    for axis, both in ((1, beside), (0, below)):
        assert both.any()
        step = np.diff(pixels, axis=axis)[both]
        np.testing.assert_allclose(np.hypot(*step.T), 1, atol=1e-3)


def test_transplanted_pixels_exist_elsewhere() -> None:
    """A transplant shows colours of the picture, except along edges between two of them."""
    color = np.zeros((128, 128, 3), np.uint8)
    color[32:, :], color[80:, 40:] = (90, 10, 200), (250, 240, 30)
    artifacts = draw(color, 3, EACH["transplant"])
    places = np.clip((artifacts.source + 1) * 64 - 0.5, 0, 127)
    columns, rows = np.moveaxis(np.rint(places).astype(int), -1, 0)
    damaged = apply_artifacts(color, artifacts)
    is_own = (damaged == color[rows, columns]).all(axis=2)
    assert (damaged != color).any(axis=2).mean() > 0.02
    # Only along an edge between colours do neighbours mix.
    assert is_own.mean() > 0.97


def test_distortion_is_small() -> None:
    """A distortion is affine, and no coefficient is further than 0.1 from the identity's."""
    source = identity((40, 50))
    for seed in range(20):
        moved = distort(source, np.random.default_rng(seed)).reshape(-1, 2)
        known = np.column_stack((source.reshape(-1, 2), np.ones(2000)))
        coefficients, residual, *_ = np.linalg.lstsq(known, moved)
        assert residual.max() < 1e-8
        assert 0 < np.abs(coefficients - np.eye(3, 2)).max() <= 0.1


def test_flow_is_smooth_and_small() -> None:
    """Bleeding shifts pixels by less than 0.25 and neighbours by less than 2 pixels differently."""
    for seed in range(20):
        flow = draw_flow((128, 128), np.random.default_rng(seed))
        assert 0 < np.abs(flow).max() < 0.25
        step = max(np.abs(np.diff(flow, axis=axis)).max() for axis in (0, 1))
        # Below 2 pixels a pixel: colours stretch, they do not scatter.
        assert step < 2 * 2 / 128


@pytest.mark.parametrize(("side", "limit_s"), [(128, 0.0015), (256, 0.005)])
def test_drawing_is_fast(side: int, limit_s: float) -> None:
    """Drawing all faults takes less than a sample worker can spare."""
    color = smooth_picture(side, side)
    times = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        start = time.perf_counter()
        draw_artifacts(color, rng, chances=ALWAYS)
        times.append(time.perf_counter() - start)
    assert min(times) < limit_s
