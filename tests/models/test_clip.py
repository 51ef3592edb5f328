from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lineart.losses import semantics_loss
from lineart.models.pretrained import describe_features, find_weights, load_features

TINY = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 50, "width": 16, "heads": 2, "layers": 1},
}
MEAN, STD = (0.4, 0.5, 0.6), (0.3, 0.2, 0.1)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a tiny model known to open_clip, with a tag; give a file of random weights."""
    import open_clip

    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny", TINY)
    tag = {"url": "", "hf_hub": "", "quick_gelu": True, "mean": MEAN, "std": STD}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny", {"mine": tag})
    torch.manual_seed(0)
    path = tmp_path / "tiny.pt"
    torch.save(open_clip.create_model("tiny").state_dict(), path)
    return path


def download(result: Path | Exception) -> Callable[..., str]:
    """Give a stand-in for open_clip's way to the network."""

    def fake(*call: object, **options: object) -> str:
        del call, options
        if isinstance(result, Exception):
            raise result
        return str(result)

    return fake


def picture(side_px: int) -> np.ndarray:
    """Draw a smooth picture of waves, 0..255."""
    y, x = np.mgrid[:side_px, :side_px] / side_px * 6
    waves = np.stack((np.sin(x) * np.cos(y), np.cos(x + y), np.sin(2 * y)), axis=2)
    return (127 + 100 * waves).astype(np.uint8)


def batch(pixels: np.ndarray) -> torch.Tensor:
    """Give pixels as ColorBatch."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1


@pytest.mark.parametrize("side_px", [32, 50, 90])
def test_embeddings_are_open_clips(tiny: Path, side_px: int) -> None:
    """Behind open_clip's own preprocessing its model gives the same embedding."""
    import open_clip

    model = open_clip.create_model("tiny", pretrained=str(tiny)).eval()
    prepare = open_clip.image_transform(32, is_train=False)
    pixels = picture(side_px)
    with torch.no_grad():
        expected = model.encode_image(prepare(Image.fromarray(pixels))[None])
        embedding = load_features("semantics", "tiny", tiny)(batch(pixels))
    assert embedding.shape == (1, 12)
    assert expected.std() > 0.1
    torch.testing.assert_close(embedding, expected, atol=0.02, rtol=0)


def test_a_picture_that_is_not_square_is_seen_whole(tiny: Path) -> None:
    """Squeezed to the square, not cut: its far end changes the embedding."""
    encoder, wide = load_features("semantics", "tiny", tiny), batch(picture(64))[:, :, :32]
    other = wide.clone()
    other[..., -8:] = 1
    assert (encoder(wide) - encoder(other)).abs().max() > 0.01


def test_the_encoder_is_frozen_and_passes_gradients_on(tiny: Path) -> None:
    """The semantics loss pulls at the drawing and at none of the weights."""
    encoder = load_features("semantics", "tiny", tiny)
    drawing = batch(picture(40))[:, :1].clone().requires_grad_()
    semantics_loss(encoder, drawing, batch(picture(40))).backward()
    assert drawing.grad is not None
    assert drawing.grad.abs().sum() > 0
    assert not encoder.training
    assert all(not p.requires_grad and p.grad is None for p in encoder.parameters())


def test_a_tag_brings_its_activation_and_normalisation(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its tag the same file is a model with QuickGELU and the tag's mean and deviation."""
    import open_clip

    monkeypatch.setattr(open_clip, "download_pretrained", download(tiny))
    model = open_clip.create_model("tiny", pretrained=str(tiny), force_quick_gelu=True).eval()
    prepare = open_clip.image_transform(32, is_train=False, mean=MEAN, std=STD)
    pixels = picture(32)
    with torch.no_grad():
        expected = model.encode_image(prepare(Image.fromarray(pixels))[None])
        embedding = load_features("semantics", "tiny", "mine")(batch(pixels))
        by_file = load_features("semantics", "tiny", tiny)(batch(pixels))
    torch.testing.assert_close(embedding, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(by_file, expected, atol=1e-2)
    assert find_weights("semantics", "tiny", "mine") == tiny
    by_tag = describe_features("semantics", "tiny", "mine")
    assert by_tag == describe_features("semantics", "tiny", str(tiny))


@pytest.mark.parametrize("error", [OSError("no route"), RuntimeError("checksum")])
def test_a_tag_that_cannot_be_fetched_names_the_ways_out(
    error: Exception, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network the error says why, and what to do instead."""
    import open_clip

    assert tiny.is_file()
    monkeypatch.setattr(open_clip, "download_pretrained", download(error))
    with pytest.raises(FileNotFoundError) as caught:
        load_features("semantics", "tiny", "mine")
    options = "--feature-weights semantics PATH", "--disable-loss semantics"
    for part in ("tiny", "mine cannot be fetched", str(error), *options):
        assert part in str(caught.value)


def test_files_of_something_else_are_refused(tiny: Path, tmp_path: Path) -> None:
    """Broken bytes, other tensors, and no tensors at all are a ValueError that names the file."""
    state = torch.load(tiny, weights_only=True)
    other = tmp_path / "other.pt"
    del state["visual.proj"]
    for content in (state, {}, [1, 2], {"a": 3}):
        torch.save(content, other)
        with pytest.raises(ValueError, match=r"other\.pt does not hold the weights of tiny"):
            load_features("semantics", "tiny", other)
    for name in ("broken.pt", "broken.safetensors"):
        for data in (b"", b"nonsense", b"PK\x03\x04nonsense", tiny.read_bytes()[:2000]):
            (tmp_path / name).write_bytes(data)
            with pytest.raises(ValueError, match="does not hold the weights of tiny"):
                load_features("semantics", "tiny", tmp_path / name)
