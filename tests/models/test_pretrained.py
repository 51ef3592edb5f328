import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from lineart.losses import content_loss
from lineart.models.pretrained import FEATURES, describe_features, find_weights, load_features
from lineart.storage import Storage
from lineart.training.device import Device
from lineart.training.job import TrainingJob
from lineart.training.recipes import RECIPES

DATA = Path(__file__).parents[3] / "shared" / "data"
SQUEEZENET = DATA / "weights" / "squeezenet" / "squeezenet1_0_deepcompression_caffe.pth"
PHOTOS = DATA / "photos"
CARS = {"sports car", "racer", "convertible", "beach wagon", "minivan", "limousine", "cab"}

State = dict[str, torch.Tensor]
Save = Callable[[State, Path], None]


def random_state(name: str) -> State:
    """Draw tensors of the shapes that a feature network needs, under the classifier's names."""
    generator = torch.Generator().manual_seed(0)
    state = {
        key: torch.randn(tensor.shape, generator=generator) / 20
        for key, tensor in FEATURES[name]().layers.state_dict().items()
    }
    return state | {key: state[key].abs() for key in state if key.endswith("running_var")}


@pytest.fixture
def vgg(tmp_path: Path) -> Path:
    """Give a file with VGG16's first layers, drawn at random."""
    path = tmp_path / "vgg.pth"
    torch.save(random_state("vgg16"), path)
    return path


def pictures(seed: int, size_px: int = 20) -> torch.Tensor:
    """Give two pictures of noise in -1..1."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, size_px, size_px, generator=generator) * 2 - 1


def photo(path: Path) -> torch.Tensor:
    """Give the middle square of a photograph as ColorBatch of 227x227, the network's own size."""
    pixels = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    H, W, _ = pixels.shape
    side, top, left = min(H, W), max(H - W, 0) // 2, max(W - H, 0) // 2
    square = pixels[top : top + side, left : left + side]
    small = cv2.resize(square, (227, 227), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(small).permute(2, 0, 1)[None].float() / 127.5 - 1


def test_weights_on_s3_are_copied_once(
    vgg: Path, bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training on any machine has them; another file at the same address is another network."""
    # Not by TORCH_HOME, which torch no longer reads once a folder has been set.
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    place = Storage.at(f"s3://{bucket.name}")
    place.write("networks/vgg.pth", vgg.read_bytes())
    uri = f"{place.uri}/networks/vgg.pth"
    nowhere = Storage.at(str(tmp_path / "run"))
    job = TrainingJob(
        recipe=RECIPES["two_stage"](), data=nowhere, output=nowhere, features={"content": uri}
    )
    digests = [job.describe_features()["content"]["sha256"]]
    (copy,) = (tmp_path / "torch").rglob("*.pth")
    copy.write_bytes(b"the copy is used")
    digests.append(job.describe_features()["content"]["sha256"])
    place.write("networks/vgg.pth", vgg.read_bytes() + b" ")
    digests.append(job.describe_features()["content"]["sha256"])
    files = (vgg.read_bytes(), b"the copy is used", vgg.read_bytes() + b" ")
    assert digests == [hashlib.sha256(data).hexdigest() for data in files]
    place.delete("networks/vgg.pth")
    with pytest.raises(FileNotFoundError, match=uri):
        job.open_features(Device(torch.device("cpu"), precision="float32", compiled=False))


def test_vgg_features_are_torchvisions(vgg: Path) -> None:
    """Maps of conv2_2 are what torchvision's layers make of its own normalisation."""
    network, color = load_features("content", "vgg16", vgg), pictures(1)
    # Colors of 0..1, less the mean of ImageNet, in units of its deviation.
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    maps = ((color + 1) / 2 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    state = torch.load(vgg, weights_only=True)
    for index in (0, 2, 5, 7):  # The first four convolutions of `features`.
        weight, bias = state[f"features.{index}.weight"], state[f"features.{index}.bias"]
        maps = torch.relu(torch.nn.functional.conv2d(maps, weight, bias, padding=1))
        if index == 2:
            maps = torch.nn.functional.max_pool2d(maps, 2)
    assert maps.shape == (2, 128, 10, 10)
    torch.testing.assert_close(network(color), maps)


def save_legacy(state: State, path: Path) -> None:
    """Save as torch did before 1.6, when VGG16's file was written."""
    torch.save(state, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    ("save", "suffix"), [(torch.save, "pth"), (save_legacy, "pth"), (save_file, "safetensors")]
)
def test_all_formats_give_the_same_maps(save: Save, suffix: str, vgg: Path, tmp_path: Path) -> None:
    """Zip, legacy and safetensors, 16-bit, with further layers, are read alike, as float32."""
    state = {key: tensor.half() for key, tensor in random_state("vgg16").items()}
    path = tmp_path / f"other.{suffix}"
    save(state | {"classifier.6.bias": torch.zeros(1000)}, path)
    network = load_features("content", "vgg16", path)
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    expected = load_features("content", "vgg16", vgg)(pictures(1))
    torch.testing.assert_close(network(pictures(1)), expected, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("name", FEATURES)
def test_networks_are_frozen_and_pass_gradients_on(name: str, tmp_path: Path) -> None:
    """The content loss pulls at the fake picture and at none of the weights."""
    path = tmp_path / "weights.pth"
    torch.save(random_state(name), path)
    network, fake = load_features("content", name, path), pictures(1, 80).requires_grad_()
    loss = content_loss(network, fake, pictures(2, 80))
    assert loss.requires_grad
    loss.backward()
    assert not network.training
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0
    assert all(not p.requires_grad and p.grad is None for p in network.parameters())


def test_torchvisions_cache_is_found(
    vgg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a path, VGG16's weights come from where torchvision downloads them to."""
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / "vgg16-397923af.pth"
    cached.parent.mkdir(parents=True)
    vgg.rename(cached)
    assert find_weights("content", "vgg16", None) == cached
    assert load_features("content", "vgg16", None)(pictures(1)).shape == (2, 128, 10, 10)


@pytest.mark.parametrize("role", ["content", "semantics", "geometry"])
def test_missing_weights_name_the_ways_out(
    role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is downloaded or made up: the error names the loss, the file, and both options."""
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name, weights, looked_for in (
        ("vgg16", None, str(tmp_path / "hub" / "checkpoints" / "vgg16-397923af.pth")),
        ("vgg16", tmp_path / "my.pth", str(tmp_path / "my.pth")),
        ("squeezenet1_0", None, "squeezenet1_0"),
        ("inception_v3", None, "inception_v3_google-0cc3c7bd.pth"),
        ("ViT-B-32", None, "no place in torchvision's cache"),
        ("ViT-B-32", "opennai", "opennai is no file, and no tag; there are openai, "),
    ):
        with pytest.raises(FileNotFoundError) as caught:
            load_features(role, name, weights)
        options = f"--feature-weights {role} PATH", f"--disable-loss {role}"
        for part in (f"the {role} loss", looked_for, *options):
            assert part in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_unknown_name_is_refused(vgg: Path) -> None:
    """The error lists the names that there are."""
    for function in (load_features, describe_features, find_weights):
        with pytest.raises(ValueError, match=r"'vgg19'; there are vgg16, .* ViT-B-32"):
            function("content", "vgg19", vgg)


@pytest.mark.parametrize("name", ["broken.pth", "broken.safetensors"])
@pytest.mark.parametrize("data", [b"", b"nonsense", b"PK\x03\x04nonsense", b"\x80\x02}q\x00."])
def test_broken_files_are_refused(name: str, data: bytes, tmp_path: Path) -> None:
    """A file that holds no tensors is a ValueError that names it, whatever its bytes."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ValueError, match=name):
        load_features("content", "vgg16", path)


def test_a_file_cut_short_is_refused(vgg: Path, tmp_path: Path) -> None:
    """A download that broke off is a ValueError, in either format of torch."""
    old = tmp_path / "old.pth"
    save_legacy(random_state("vgg16"), old)
    for path in (vgg, old):
        for share in (0.3, 0.99):
            path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
            with pytest.raises(ValueError, match="is not a file of tensors"):
                load_features("content", "vgg16", path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    """A tensor that is missing, of another shape, or no tensor at all, is a ValueError."""
    path, state = tmp_path / "other.pth", random_state("vgg16")
    for change, message in (
        ({"features.7.bias": torch.zeros(3)}, "does not hold the weights of vgg16"),
        ({"features.7.bias": 3}, r"lacks features\.7\.bias"),
    ):
        torch.save(state | change, path)
        with pytest.raises(ValueError, match=message):
            load_features("content", "vgg16", path)
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match=r"lacks features\.0\.weight"):
        load_features("content", "vgg16", path)


def test_the_fingerprint_is_the_files_hash(vgg: Path) -> None:
    """A run's record tells one file of weights from another."""
    expected = {"name": "vgg16", "sha256": hashlib.sha256(vgg.read_bytes()).hexdigest()}
    assert describe_features("content", "vgg16", vgg) == expected
    vgg.write_bytes(b"other")
    assert describe_features("content", "vgg16", vgg) != expected


def test_squeezenet_sees_blue_first_in_0_to_255() -> None:
    """Pure red, at its strongest, is what Caffe's networks were shown for it."""
    network = FEATURES["squeezenet1_0"]()
    red = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    expected = torch.tensor([0 - 104.0, 0 - 117.0, 255 - 123.0])
    torch.testing.assert_close(network.normalize(red)[0, :, 1, 1], expected)


def test_inception_is_torchvisions(tmp_path: Path) -> None:
    """Mixed_6b says what it says in the whole network, behind the preprocessing of its weights."""
    torch.manual_seed(0)
    whole = models.inception_v3(init_weights=False, transform_input=True).eval()
    for key, tensor in whole.state_dict().items():
        if "running" in key:
            tensor.uniform_(0.5, 1.5)
    path = tmp_path / "inception.pth"
    torch.save({k: t for k, t in whole.state_dict().items() if "num_batches" not in k}, path)
    seen: list[torch.Tensor] = []
    whole.Mixed_6b.register_forward_hook(lambda *call: seen.append(call[2]))
    normalize = models.Inception_V3_Weights.IMAGENET1K_V1.transforms()
    color = pictures(1, 80)
    mean, std = torch.tensor(normalize.mean), torch.tensor(normalize.std)
    with torch.no_grad():
        whole(((color + 1) / 2 - mean.view(3, 1, 1)) / std.view(3, 1, 1))
        maps = load_features("geometry", "inception_v3", path)(color)
    assert maps.shape == (2, 768, 3, 3)
    torch.testing.assert_close(maps, seen[0], atol=1e-4, rtol=1e-3)


@pytest.mark.skipif(not SQUEEZENET.is_file(), reason="the real weights are not here")
def test_the_embedding_knows_what_photographs_show() -> None:
    """Of order 1, one vector a photograph; two cars are nearer than a car and a cup of coffee."""
    network = load_features("semantics", "squeezenet1_0_embedding", SQUEEZENET)
    files = sorted((PHOTOS / "cars_lire").iterdir())[:4]
    files += (PHOTOS / "misc_skimage").glob("coffee.*")
    with torch.no_grad():
        embeddings = network(torch.cat([photo(path) for path in files]))
    assert embeddings.shape == (5, 512)
    assert 0.5 < embeddings.square().mean().sqrt() < 2
    distances = torch.cdist(embeddings, embeddings)
    assert distances[:4, :4].max() < distances[:4, 4].min()


@pytest.mark.skipif(not SQUEEZENET.is_file(), reason="the real weights are not here")
def test_squeezenets_normalisation_is_the_one_of_its_weights() -> None:
    """Behind our normalisation the whole classifier knows cars and a cup of espresso."""
    network = load_features("content", "squeezenet1_0", SQUEEZENET)
    classifier = models.squeezenet1_0().eval()
    classifier.load_state_dict(torch.load(SQUEEZENET, weights_only=True))
    files = sorted((PHOTOS / "cars_lire").iterdir())[:6]
    files += (PHOTOS / "misc_skimage").glob("coffee.*")
    color = torch.cat([photo(path) for path in files])
    with torch.no_grad():
        best = classifier(network.normalize(color)).argmax(1)
        maps = classifier.features[:4](network.normalize(color))
        torch.testing.assert_close(network(color), maps * network.gain)
    names = [models.SqueezeNet1_0_Weights.IMAGENET1K_V1.meta["categories"][int(i)] for i in best]
    assert set(names[:-1]) <= CARS
    assert names[-1] == "espresso"
