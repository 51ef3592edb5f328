from pathlib import Path

import cv2
import numpy as np
import pytest

from lineart.imaging.samples.faces import (
    TEMPLATE,
    FaceAligner,
    alignment,
    center_crop,
    cut_out,
    raise_contrast,
)
from tests.datasets.test_depth import mean_onnx

DATA = Path(__file__).parents[4] / "shared" / "data"
YUNET = DATA / "weights" / "face" / "yunet_n_dynamic.onnx"
FACES = DATA / "photos" / "faces_interfaces"

needs_yunet = pytest.mark.skipif(
    not (YUNET.exists() and FACES.exists()), reason="YuNet or the photographs are not here"
)


@pytest.fixture(scope="module")
def aligner() -> FaceAligner:
    """Return an aligner with the real model."""
    return FaceAligner(YUNET.read_bytes())


def photo(name: str) -> np.ndarray:
    """Read a photograph."""
    return cv2.cvtColor(cv2.imread(str(FACES / name)), cv2.COLOR_BGR2RGB)


def places(size_px: int, padding: float) -> np.ndarray:
    """Return where the landmarks of an aligned face lie, in pixels."""
    return (TEMPLATE + padding) / (1 + 2 * padding) * size_px - 0.5


def find(aligner: FaceAligner, image: np.ndarray) -> np.ndarray:
    """Return the landmarks of a face that must be found."""
    landmarks = aligner.find(image)
    assert landmarks is not None
    return landmarks


def distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the distances of landmarks."""
    return np.linalg.norm(first - second, axis=1)


def test_alignment_of_a_moved_template() -> None:
    """The alignment of a turned, scaled and moved template is exactly that similarity."""
    cos, sin = 3 * np.cos(0.4), 3 * np.sin(0.4)
    moved = places(256, 0.65) @ np.array([[cos, sin], [-sin, cos]]) + (200.0, -70.0)
    expected = [[cos, -sin, 200], [sin, cos, -70]]
    np.testing.assert_allclose(alignment(moved, 256, 0.65), expected, atol=1e-9)


def test_alignment_is_the_best_similarity() -> None:
    """Of all similarities near by, none brings the template closer to crooked landmarks."""
    rng = np.random.default_rng(0)
    landmarks = places(64, 0.2) * 2 + rng.normal(0, 4, (5, 2))
    best = alignment(landmarks, 64, 0.2)
    assert best[0, 0] == best[1, 1]
    assert best[0, 1] == -best[1, 0]

    def error(change: np.ndarray) -> float:
        a, b, c, d = np.array([best[0, 0], best[1, 0], best[0, 2], best[1, 2]]) + change
        met = places(64, 0.2) @ np.array([[a, b], [-b, a]]) + (c, d)
        return float(((met - landmarks) ** 2).sum())

    steps = rng.normal(0, 1e-3, (50, 4))
    assert all(error(step) > error(np.zeros(4)) for step in steps)


def test_padding_is_a_border_of_the_face() -> None:
    """With padding p the face takes 1 / (1 + 2 p) of the picture, in its middle."""
    corners = np.array([[-0.5, -0.5], [255.5, 255.5]])
    for padding in (0.0, 0.65):
        to_photo = alignment(places(256, 0.0), 256, padding)
        seen = cv2.transform(corners[None], to_photo)[0]
        np.testing.assert_allclose(seen[0], -0.5 - 256 * padding, atol=1e-9)
        np.testing.assert_allclose(seen[1], 255.5 + 256 * padding, atol=1e-9)


@pytest.mark.parametrize(("size_px", "padding"), [(0, 0.65), (256, -0.5)])
def test_alignment_refuses(size_px: int, padding: float) -> None:
    """A size of 0 pixels, and a padding that leaves nothing of the face, are refused."""
    with pytest.raises(ValueError, match="a face needs"):
        alignment(places(256, 0.65), size_px, padding)


@pytest.mark.parametrize(
    "data", [b"", b"not a network" * 9, mean_onnx()], ids=["empty", "text", "another network"]
)
def test_other_bytes_are_refused(data: bytes) -> None:
    """Bytes that are no model, or another one, are a ValueError that says what to give."""
    with pytest.raises(ValueError, match=r"no YuNet face detector.*give the ONNX file") as raised:
        FaceAligner(data)
    assert "\n" not in str(raised.value)


@needs_yunet
@pytest.mark.parametrize("name", ["001.webp", "027.webp", "069.webp"])
def test_aligned_faces_lie_at_the_template(aligner: FaceAligner, name: str) -> None:
    """In an aligned face the detector finds level eyes; they and the mouth lie at their places."""
    face = aligner.align(photo(name))
    assert face is not None
    assert face.shape == (256, 256, 3)
    found = find(aligner, face)
    # The tip of the nose goes where the head is turned to.
    assert distances(found, places(256, 0.65))[[0, 1, 3, 4]].max() < 8
    assert abs(found[1, 1] - found[0, 1]) < 0.15 * (found[1, 0] - found[0, 0])


@needs_yunet
@pytest.mark.parametrize("degrees", [-20, 20])
def test_a_tilted_photograph_gives_the_same_face(aligner: FaceAligner, degrees: int) -> None:
    """In a photograph turned by 20 degrees the landmarks have turned with it."""
    upright = photo("001.webp")
    turn = cv2.getRotationMatrix2D((320, 320), degrees, 1)
    tilted = cv2.warpAffine(upright, turn, (640, 640), borderMode=cv2.BORDER_REPLICATE)
    turned = cv2.transform(find(aligner, upright)[None], turn)[0]
    assert distances(turned, find(aligner, tilted)).max() < 6


@needs_yunet
def test_a_large_photograph_gives_the_same_face(aligner: FaceAligner) -> None:
    """In a photograph of three times the size the landmarks lie at three times their places."""
    small = photo("069.webp")
    large = cv2.resize(small, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    expected = (find(aligner, small) + 0.5) * 3 - 0.5
    assert distances(expected, find(aligner, large)).max() < 6


@needs_yunet
def test_the_largest_face_is_taken(aligner: FaceAligner) -> None:
    """Beside a face of half the size, the larger one is found, on either side."""
    large, small = photo("001.webp"), cv2.resize(photo("069.webp"), (320, 320))
    beside = np.full((640, 320, 3), 128, np.uint8)
    beside[160:480] = small
    alone = find(aligner, large)
    for left, both in ((0, np.hstack((large, beside))), (320, np.hstack((beside, large)))):
        assert distances(find(aligner, both), alone + np.array((left, 0))).max() < 6


@pytest.mark.parametrize("factor", [1, 5])
def test_a_cut_out_face_is_what_the_photograph_shows(factor: int) -> None:
    """A face at the template's places is cut out as it is; a larger one is its shrunken self."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64 * factor, 64 * factor, 3), dtype=np.uint8)
    face = cut_out(image, places(64 * factor, 0.65), 64, 0.65)
    expected = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(face.astype(int) - expected).max() <= 2


@needs_yunet
def test_no_face_is_none(aligner: FaceAligner) -> None:
    """In a gradient no face is found."""
    gradient = np.empty((90, 160, 3), np.uint8)
    gradient[...] = np.linspace(0, 255, 160).astype(np.uint8)[None, :, None]
    assert aligner.align(gradient) is None


def test_center_crop_takes_the_middle() -> None:
    """A centre crop is the middle square of a wide and of a tall picture."""
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    assert (center_crop(wide, 6) == 200).all()
    assert (center_crop(wide.transpose(1, 0, 2).copy(), 20) == 200).all()


def test_contrast_is_the_papers_formula() -> None:
    """Levels follow `img * (contrast / 127 + 1) - contrast`, clipped and cut to whole levels."""
    levels = np.arange(256, dtype=np.uint8)
    image = np.repeat(levels[:, None, None], 3, axis=2)
    formula = np.uint8(np.clip(np.int16(image) * (30 / 127 + 1) - 30, 0, 255))
    np.testing.assert_array_equal(raise_contrast(image), formula)
    np.testing.assert_array_equal(raise_contrast(image, 0), image)
