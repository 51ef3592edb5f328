import hashlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

from lineart.evaluation import networks
from lineart.evaluation.networks import find_tag, load_clip, load_features, load_lpips
from lineart.evaluation.request import FidRequest, KidRequest
from lineart.models.pretrained import FEATURES
from tests.evaluation.stand_ins import save_means
from tests.film.photographs import draw_photo

TINY = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(autouse=True)
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no weights of this machine be found, and nothing be fetched."""
    usual = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path / "hub"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", None)
    yield
    torch.hub.set_dir(usual)


# Features of distances.


@pytest.fixture(scope="session")
def means(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a TorchScript file of features."""
    return save_means(tmp_path_factory.mktemp("features"))


def test_script_gives_its_own_features_and_name(means: Path) -> None:
    """A TorchScript file sees the 8-bit picture and names the scores, whatever it is called."""
    photo = draw_photo(0)
    features = load_features(str(means))
    assert features.name == "means.pt"
    quarter = photo[:36, :48].reshape(-1, 3).mean(0) / 255
    np.testing.assert_allclose(features(photo)[::4], quarter, rtol=1e-5)
    assert load_features(str(means.rename(means.with_name("inception")))).name == "inception.ts"
    means.with_name("inception").rename(means)


@pytest.mark.parametrize("name", ["squeezenet1_0", "squeezenet1_0_embedding"])
def test_named_networks_give_the_means_of_their_maps(tmp_path: Path, name: str) -> None:
    """Maps are averaged; the picture arrives in -1..1."""
    torch.manual_seed(0)
    path = tmp_path / "weights.pth"
    torch.save(models.squeezenet1_0().state_dict(), path)
    features = load_features(f"{name}={path}")
    assert features.name == name
    photo = draw_photo(1)
    layers = FEATURES[name]()
    stored = torch.load(path, weights_only=True)
    kept = layers.layers.state_dict().keys()
    layers.layers.load_state_dict({key: stored[key] for key in kept}, assign=True)
    batch = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.inference_mode():
        maps = layers.eval()(batch)
    expected = maps.mean((2, 3)) if maps.ndim == 4 else maps
    np.testing.assert_allclose(features(photo), expected[0].numpy(), rtol=1e-4, atol=1e-6)


def test_inception_is_the_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the file that FID is defined by is taken, and it sees pictures resized as in 2015."""
    with pytest.raises(FileNotFoundError, match="torch-fidelity's release"):
        load_features("inception")
    torch.manual_seed(0)
    # The library's own weights come from the network: here they are drawn.
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", None)
    path = tmp_path / "inception.pth"
    path.write_bytes(b"other")
    with pytest.raises(ValueError, match="is not the file that FID is defined by"):
        load_features(f"inception={path}")
    sha256 = hashlib.sha256(b"other").hexdigest()
    made = []

    def build(**options: object) -> SimpleNamespace:
        made.append(options)
        return SimpleNamespace(inception=torch.nn.Identity())

    monkeypatch.setattr(networks, "FrechetInceptionDistance", build)
    assert load_features(f"inception={path}", inception_sha256=sha256).name == "inception"
    assert made == [{"feature_extractor_weights_path": str(path), "antialias": False}]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("missing.pt", "no such file"),
        ("squeezenet1_0", "nothing is no file"),
        ("squeezenet1_0=missing.pth", "missing.pth is no file"),
    ],
)
def test_missing_features_are_said(choice: str, message: str) -> None:
    """Each way to be wrong has its sentence."""
    with pytest.raises(FileNotFoundError, match=message):
        load_features(choice)


def test_weights_alone_are_no_script(tmp_path: Path) -> None:
    """A state dict needs the name of its network, and a name must be one that there is."""
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="need a name"):
        load_features(str(path))
    with pytest.raises(FileNotFoundError, match=r"no features are called 'squeezenet'; .*with one"):
        load_features(f"squeezenet={path}")


@pytest.mark.parametrize("request_type", [FidRequest, KidRequest])
def test_help_names_the_features(request_type: type) -> None:
    """All names of features stand in the help of the flag."""
    text = inspect.getsource(request_type).partition("fid_features")[2]
    assert all(f" {name}" in text for name in FEATURES)


# Broken files.


def pickled_number(path: Path) -> None:
    """Store what is no state dict."""
    torch.save(3, path)


def pickled_object(path: Path) -> None:
    """Store an object that is not to be opened."""
    torch.save({"features.0.weight": Path("x")}, path)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not weights" * 99),
        lambda path: path.write_bytes(b"PK\x03\x04" + bytes(99)),
        pickled_number,
        pickled_object,
    ],
)
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_broken_files_are_told_in_one_sentence(
    tiny: Path, write: Callable[[Path], None], suffix: str
) -> None:
    """Whatever a file holds, its network is refused by one line that names it."""
    path = tiny.with_name(f"broken.{suffix}")
    write(path)
    for load in (
        lambda: load_features(str(path)),
        lambda: load_features(f"squeezenet1_0={path}"),
        lambda: load_lpips(f"squeeze={path}"),
        lambda: load_clip(f"tiny={path}", ("a", "b")),
    ):
        with pytest.raises(ValueError, match=f"{path.name} does not hold") as error:
            load()
        assert "\n" not in str(error.value)


# LPIPS.


@pytest.mark.parametrize(
    ("name", "build"),
    [("alex", models.alexnet), ("squeeze", models.squeezenet1_1)],
)
def test_lpips_is_the_sum_over_layers(tmp_path: Path, name: str, build: object) -> None:
    """With the published heads: squared differences of unit features, weighted, averaged, added."""
    torch.manual_seed(0)
    classifier = build().eval()  # type: ignore[operator]
    path = tmp_path / "backbone.pth"
    torch.save(classifier.state_dict(), path)
    lpips = load_lpips(f"{name}={path}")
    pictures = [draw_photo(seed, 64, 80) for seed in (0, 1)]
    assert not list(tmp_path.glob("hub/**/*.pth"))
    heads = lpips.network
    ends = {"alex": (2, 5, 8, 10, 12), "squeeze": (2, 5, 8, 10, 11, 12, 13)}[name]
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    expected, maps, start = 0.0, [], 0
    for picture in pictures:
        batch = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
        maps.append((batch - shift) / scale)
    with torch.inference_mode():
        for layer, end in enumerate(ends):
            head = getattr(heads, f"lin{layer}")
            maps = [classifier.features[start:end](one) for one in maps]
            first, second = (one / one.norm(dim=1, keepdim=True).clamp(min=1e-8) for one in maps)
            weights = head.model[-1].weight[0]
            expected += float((weights * (first - second) ** 2).sum(1).mean())
            start = end
    assert lpips(*pictures) == pytest.approx(expected, rel=1e-3)
    assert lpips(pictures[0], pictures[0]) == 0


def test_missing_lpips_is_said(tmp_path: Path) -> None:
    """No backbone, an unknown one, or a file of another network."""
    with pytest.raises(FileNotFoundError, match="alexnet-owt"):
        load_lpips("alex")
    with pytest.raises(ValueError, match="there are alex"):
        load_lpips("resnet")
    path = tmp_path / "other.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="does not hold torchvision's alex"):
        load_lpips(f"alex={path}")


# CLIP.


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a tiny model known to open_clip; give a file of random weights."""
    import open_clip

    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny", TINY)
    torch.manual_seed(0)
    path = tmp_path / "tiny.pt"
    torch.save(open_clip.create_model("tiny").state_dict(), path)
    return path


def test_probabilities_are_open_clips(tiny: Path) -> None:
    """They are the softmax of the logits of open_clip's model behind its own preprocessing."""
    import open_clip

    prompts = ("a drawing of a cat", "a drawing of a dog", "a drawing of the sea")
    photo = draw_photo(2)
    found = load_clip(f"tiny={tiny}", prompts)(photo)
    model, _, encode = open_clip.create_model_and_transforms("tiny", pretrained=str(tiny))
    with torch.inference_mode():
        logits, _ = model.eval().get_logits(
            encode(Image.fromarray(photo))[None], open_clip.get_tokenizer("tiny")(list(prompts))
        )
    np.testing.assert_allclose(found, logits.softmax(1)[0].numpy(), rtol=1e-4)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert np.ptp(found) > 1e-3


def test_tags_are_found_where_open_clip_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the hub's cache, or in the folder of OpenAI's own program."""
    import huggingface_hub
    import open_clip

    config = open_clip.get_pretrained_cfg("ViT-B-32-quickgelu", "openai")
    old = tmp_path / ".cache/clip/ViT-B-32.pt"
    old.parent.mkdir(parents=True)
    old.touch()
    assert find_tag("ViT-B-32-quickgelu", "openai", config) == old
    hub = tmp_path / "open_clip_pytorch_model.bin"
    cache = {("timm/vit_base_patch32_clip_224.openai", hub.name): str(hub)}
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *key: cache.get(key))
    assert find_tag("ViT-B-32-quickgelu", "openai", config) == hub


def test_missing_clip_is_said(tiny: Path, tmp_path: Path) -> None:
    """A tag that is in no cache is not fetched; unknown models and other files are refused."""
    with pytest.raises(FileNotFoundError, match="in no cache"):
        load_clip("ViT-B-32-quickgelu=openai", ("a", "b"))
    with pytest.raises(ValueError, match="would have to be fetched"):
        load_clip(f"ViT-B-16-SigLIP={tiny}", ("a", "b"))
    with pytest.raises(ValueError, match="no model of open_clip"):
        load_clip("magic=openai", ("a", "b"))
    other = tmp_path / "other.pt"
    torch.save({"a": torch.zeros(1)}, other)
    with pytest.raises(ValueError, match="does not hold the weights"):
        load_clip(f"tiny={other}", ("a", "b"))
    assert tiny.is_file()
