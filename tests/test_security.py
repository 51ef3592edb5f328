"""Input from outside runs no code and asks no network; secrets are never printed or written."""

import ast
import io
import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

import lineart
from lineart.codec import encode_png
from lineart.models import MODELS, from_files, load_tensors, to_files
from lineart.storage import Storage
from lineart.weights import read_config
from tests.conftest import DrawLine

SECRET, TOKEN = "planted/secret+KEY/0123456789abcdefghijk", "planted-session-token-0123456789"

# Code.

FOLDERS = [Path(str(lineart.__file__)).parent]
FORBIDDEN = {
    "eval": "runs text",
    "exec": "runs text",
    "os.system": "runs a shell",
    "os.popen": "runs a shell",
    "yaml.load": "builds any object",
    "yaml.unsafe_load": "builds any object",
    "marshal.loads": "builds any object",
    "shelve.open": "unpickles",
    "dill.load": "unpickles",
    "joblib.load": "unpickles",
    "pandas.read_pickle": "unpickles",
}
ALLOWED = {
    "pickle.load": ("lineart/runtime/sandbox_process.py",),  # messages of our own through a pipe
    # Records of our own that Ray, which pickles whatever it moves, brings from another worker.
    "pickle.loads": ("lineart/runtime/sandbox_process.py", "lineart/film/records.py"),
    # The networks that the user gives as --depth-model and --fid-features.
    "torch.jit.load": ("lineart/evaluation/networks.py",),
}
"""Call -> the files that may make it."""
NEEDED = {
    "torch.load": ("weights_only", "True"),
    "np.load": ("allow_pickle", "False"),
    "numpy.load": ("allow_pickle", "False"),
}
"""Call -> the argument that makes it safe."""


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    """Return every call in the program: file, call, and the name that is called."""
    for folder in FOLDERS:
        for path in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
                    yield name, node, ast.unparse(node.func)


def test_nothing_runs_what_it_reads() -> None:
    """No call unpickles, evaluates or passes to a shell any input from outside."""
    seen = 0
    for path, call, name in calls():
        seen += 1
        assert name not in FORBIDDEN, f"{path}:{call.lineno}: {name} {FORBIDDEN[name]}"
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        if name in NEEDED:
            flag, value = NEEDED[name]
            assert keywords.get(flag) == value, f"{path}:{call.lineno}: {name} without {flag}"
        assert path in ALLOWED.get(name, (path,)), f"{path}:{call.lineno}: {name}"
        assert keywords.get("shell", "False") == "False", f"{path}:{call.lineno}: a shell"
    assert seen > 1000


def test_pages_escape_and_load_nothing() -> None:
    """Templates mark no value as safe, and no page loads anything from an address.

    The page of `lineart review` alone asks its own server.
    """
    for path in (Path(str(lineart.__file__)).parent / "templates").iterdir():
        text = path.read_text()
        if path.name == "review.js":
            assert text.count("fetch(") == text.count("fetch(`./api/") == 1
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", text)
            text = text.replace("fetch(", "")
        assert not re.search(r"\{\{[^}]*\|\s*safe", text), path.name
        assert "autoescape" not in text
        assert not re.search(r"https?://|//[a-z]+\.[a-z]|url\((?!data:)|@import|fetch\(", text), (
            path.name
        )
    head = (Path(str(lineart.__file__)).parent / "templates/_head.html").read_text()
    assert "default-src 'none'" in head


# Weights.

Edit = Callable[[dict[str, object]], object]
CONFIGS: dict[str, Edit] = {
    "no object": lambda config: [config],
    "null": lambda _: None,
    "a list for a name": lambda config: config | {"model": []},
    "unknown model": lambda config: config | {"model": "../additive_unet"},
    "method of dict": lambda config: config | {"model": "__class__"},
    "unknown key": lambda config: config | {"extra": 1},
    "unknown argument": lambda config: config | {"arguments": {"width": 2, "hook": 1}},
    "huge width": lambda config: config | {"arguments": {"width": 10**9, "color_width": 2}},
    "width is text": lambda config: config | {"arguments": {"width": "2", "color_width": 2}},
    "width is a float": lambda config: config | {"arguments": {"width": 2.0, "color_width": 2}},
    "width is true": lambda config: config | {"arguments": {"width": True, "color_width": 2}},
    "width below 1": lambda config: config | {"arguments": {"width": 0, "color_width": 2}},
    "no number": lambda config: config | {"multiple": float("nan")},
    "another scale": lambda config: config | {"draft_scale": 1},
}
TEXTS = {
    "no JSON": b"{",
    "nothing": b"",
    "bytes": bytes(range(256)),
    "deep": b"[" * 200_000,
    "deep objects": b'{"model":' * 200_000,
    "a number of 10,000 digits": b'{"model":' + b"9" * 10_000 + b"}",
}


@pytest.fixture(scope="module")
def weights() -> dict[str, bytes]:
    """Return the files of a tiny pair."""
    torch.manual_seed(0)
    return to_files(MODELS["additive_unet"](width=2))


@pytest.mark.parametrize("name", [*CONFIGS, *TEXTS])
def test_hostile_config(weights: dict[str, bytes], name: str) -> None:
    """A config.json that is not as we write it is refused before a network is built of it."""
    if name in TEXTS:
        data = TEXTS[name]
    else:
        data = json.dumps(CONFIGS[name](json.loads(weights["config.json"]))).encode()
    with pytest.raises(ValueError, match=r"config\.json"):
        from_files(weights | {"config.json": data})


@pytest.mark.parametrize("value", [0, -1, True, 1.0, "4", None, 65, [], 10**400])
def test_hostile_scale(weights: dict[str, bytes], value: object) -> None:
    """The draft scale of config.json is a small whole number."""
    config = json.loads(weights["config.json"])
    assert read_config({"config.json": json.dumps(config).encode()}) == config
    with pytest.raises(ValueError, match="draft_scale"):
        read_config({"config.json": json.dumps(config | {"draft_scale": value}).encode()})


@pytest.mark.parametrize("name", TEXTS)
def test_config_that_is_no_json(name: str) -> None:
    """`read_config` refuses a config.json that is no JSON, or is nested very deeply."""
    with pytest.raises(ValueError, match=r"config\.json"):
        read_config({"config.json": TEXTS[name]})


def write_tensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """Write a safetensors file by hand."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(kind: str, shape: list[int], start: int, stop: int) -> dict[str, object]:
    """Describe a tensor in a safetensors header."""
    return {"dtype": kind, "shape": shape, "data_offsets": [start, stop]}


ONE = np.float32(1).tobytes()


def linear(weight: bytes, kind: str = "F32") -> bytes:
    """Write the tensors of `Linear(1, 1)`, the weight with these bytes and of this kind."""
    size = len(weight)
    header = {
        "weight": tensor(kind, [1, 1], 0, size), "bias": tensor("F32", [1], size, size + 4)
    }  # fmt: skip
    return write_tensors(header, weight + ONE)


WEIGHT, BIAS = tensor("F32", [1, 1], 0, 4), tensor("F32", [1], 0, 4)
TENSORS = {
    "nothing": b"",
    "header of 2**60 bytes": write_tensors({}, length=2**60),
    "data beyond the end": write_tensors({"weight": WEIGHT}),
    "overlapping": write_tensors({"weight": WEIGHT, "bias": BIAS}, ONE),
    "shape that overflows": write_tensors({"weight": tensor("F32", [2**62, 2**62], 0, 4)}, ONE),
    "type that torch lacks": write_tensors({"weight": tensor("F4", [1, 8], 0, 4)}, ONE),
    "other names": write_tensors({"other": BIAS}, ONE),
    "other shapes": write_tensors({"weight": BIAS, "bias": tensor("F32", [1], 4, 8)}, ONE * 2),
    "whole numbers": linear(ONE, "I32"),
    "complex numbers": linear(ONE * 2, "C64"),
    "no number": linear(np.float32("nan").tobytes()),
    "infinite": linear(np.float32("inf").tobytes()),
}


@pytest.mark.parametrize("name", TENSORS)
def test_hostile_tensors(name: str) -> None:
    """A file of tensors that is none, or holds others than the network's, is refused by name."""
    with pytest.raises(ValueError, match=r"draft\.safetensors") as refusal:
        load_tensors(torch.nn.Linear(1, 1), TENSORS[name], "draft")
    assert len(str(refusal.value)) < 1000


def test_good_tensors() -> None:
    """A file with the network's tensors is loaded; float16 becomes float32."""
    network = torch.nn.Linear(1, 1)
    load_tensors(network, linear(np.float16(2).tobytes(), "F16"), "draft")
    assert [network.weight.item(), network.bias.item()] == [2.0, 1.0]
    assert network.weight.dtype == torch.float32


# Secrets, and hostile names: a film on S3.

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def tiny(weights: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny pair."""
    folder = tmp_path_factory.mktemp("weights")
    for name, data in weights.items():
        (folder / name).write_bytes(data)
    return folder


def colorize(film: str, weights: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command on a film in a bucket, to its end, in one process."""
    command = [sys.executable, "-m", "jobs.colorize", "--network-size", "64"]
    command += ["--lines", f"{film}/lines", "--hints", f"{film}/hints"]
    command += ["--output", f"{film}/color", "--weights", str(weights)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        | {"AWS_SESSION_TOKEN": TOKEN}
        | environment,
    )


def all_text(folder: Path) -> str:
    """Return everything that stands in a folder: names, bytes, and what Parquet has compressed."""
    texts = []
    for path in folder.rglob("*"):
        texts.append(str(path.relative_to(folder)))
        if path.is_file():
            texts.append(path.read_bytes().decode("latin-1"))
        if path.suffix == ".parquet":
            table = parquet.read_table(path)
            texts.append(repr(table.to_pylist()) + repr(table.schema.metadata))
    return "\n".join(texts)


def test_a_hostile_film_shows_no_secret(bucket: Path, tiny: Path, draw_line: DrawLine) -> None:
    """Good frames of a film in a bucket are made, hostile ones fail by name; no key is shown."""
    good, bad = encode_png(draw_line(0)), encode_png(draw_line(1))[:99]
    names = ["../../x.png", f"{SCRIPT}/a.png", "s/b.png", "s/c.png", "s/c.png", None]
    sink = io.BytesIO()
    parquet.write_table(
        pa.table({"frame": names, "image": [good, good, bad, good, good, good]}), sink
    )
    film = Storage.at(f"s3://{bucket.name}/film")
    film.write("lines/film.parquet", sink.getvalue())
    film.write("lines/none.parquet", b"none")
    film.write("lines/s/d e\u0308.png", good)
    film.write("hints/t.png", good)
    before = {path for path in bucket.rglob("*") if path.is_file()}
    done = colorize(film.uri, tiny)
    assert done.returncode == 3, done.stderr
    written = {path for path in bucket.rglob("*") if path.is_file()} - before
    assert all(path.is_relative_to(bucket / "film/color") for path in written)
    rows = parquet.read_table(bucket / "film/color/manifest/manifest.parquet").to_pylist()
    ended = {row["frame"]: (row["status"], row["stage"]) for row in rows}
    assert ended.pop(f"{SCRIPT}/a.png")[0] in ("done", "held")
    assert ended.pop("s/d e\u0308.png")[0] in ("done", "held")
    assert ended.pop("s/b.png") == ("failed", "decode")
    refused = ["../../x.png", "s/c.png", "film.parquet\\5", "none.parquet"]
    assert ended == dict.fromkeys(refused, ("failed", "name"))
    page = (bucket / "film/color/report.html").read_text()
    assert "../../x.png" in page
    assert SCRIPT not in page
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    output = done.stdout + done.stderr + all_text(bucket / "film/color")
    assert json.loads(done.stdout.splitlines()[-1])["failed"] == len(refused) + 1
    for planted in (secret, TOKEN):
        assert planted not in output


def test_a_film_that_fails_shows_no_secret(bucket: Path, tiny: Path) -> None:
    """Wrong keys and a wrong bucket end in an error message without a key."""
    film = f"s3://{bucket.name}/film"
    for address, environment in (
        (film, {"AWS_SECRET_ACCESS_KEY": SECRET}),
        ("s3://no-such-bucket-here/film", {}),
    ):
        done = colorize(address, tiny, **environment)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        for planted in (os.environ["AWS_SECRET_ACCESS_KEY"], SECRET, TOKEN):
            assert planted not in done.stdout + done.stderr + all_text(bucket)
