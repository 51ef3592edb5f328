"""Inputs of the tests: drawn by code, seeded, small."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import settings

from lineart.film import inputs
from lineart.jobs.command import BLAS_THREADS
from lineart.runtime.sandbox import stop_sandboxes
from lineart.storage import Storage
from tests.drills.film import make_weights
from tests.local_s3 import serve_s3
from tests.ray_head import LOOPBACK, Head, run_head

# Each test process shares two cores with Ray's workers.
cv2.setNumThreads(1)
os.environ.setdefault(BLAS_THREADS, "1")
os.environ.update(LOOPBACK)
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

DrawLine = Callable[..., np.ndarray]
Golden = Callable[..., None]

SLOW = {"drills", "film", "jobs", "training"}
"""Folders whose tests start processes, and are begun early."""
TESTS = Path(__file__).parent
GOLDEN_FOLDER = TESTS / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that makes today's pictures the golden ones."""
    parser.addoption(
        "--accept-golden",
        action="store_true",
        help="rewrite the golden pictures with what the code gives now",
    )


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Choose which of the processes that run tests together gets a test.

    All tests that join the one Ray head go to one process, the others file by file: what a file
    makes once (exports, trainings, a browser) is made once. Those of Ray take longest and begin,
    then come those that start processes; the short ones fill what time is left.
    """
    for item in items:
        joins_ray = "ray_head" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("ray" if joins_ray else item.path.name))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """Give the place of a test in the suite."""
    if "ray_head" in getattr(item, "fixturenames", ()):
        return 0
    return 1 if SLOW.intersection(item.path.relative_to(TESTS).parts) else 2


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their number: archives hold the time, and all processes need equal names."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


@pytest.fixture
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Golden:
    """Give a function that compares a picture with `tests/golden/NAME.png`.

    At most `share` of its pixels may differ by more than `tolerance` grey levels.
    """

    def check(name: str, image: np.ndarray, *, tolerance: int = 0, share: float = 0.0) -> None:
        path = GOLDEN_FOLDER / f"{name}.png"
        if request.config.getoption("--accept-golden"):
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), swap_red_and_blue(image))
            return
        new = tmp_path / path.name
        cv2.imwrite(str(new), swap_red_and_blue(image))
        seen = f"the new picture is {new}; --accept-golden makes it the golden one"
        assert path.exists(), f"there is no golden picture {path}; {seen}"
        expected = swap_red_and_blue(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
        assert image.shape == expected.shape, f"{name}: {image.shape} != {expected.shape}; {seen}"
        difference = np.abs(image.astype(np.int16) - expected).reshape(*image.shape[:2], -1).max(2)
        differing = (difference > tolerance).mean()
        assert differing <= share, (
            f"{name}: {differing:.2%} of the pixels differ by more than {tolerance} grey levels "
            f"({share:.2%} may), at most by {difference.max()}; {seen}"
        )

    return check


def swap_red_and_blue(image: np.ndarray) -> np.ndarray:
    """Change between OpenCV's order of channels and ours; alpha and grey stay."""
    return image if image.ndim == 2 else image[..., [2, 1, 0, 3][: image.shape[2]]]


@pytest.fixture(scope="session")
def draw_line() -> DrawLine:
    """Give a function that draws a line drawing; other seeds are other drawings."""

    def draw(seed: int, height: int = 72, width: int = 128) -> np.ndarray:
        rng = np.random.default_rng(seed)
        line = np.full((height, width), 255, np.uint8)
        for _ in range(4):
            points = (rng.random((5, 2)) * (width, height)).astype(np.int32)
            cv2.polylines(line, [points], True, 0, 1, cv2.LINE_AA)
        return line

    return draw


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a tiny pair, not trained: enough to run a film."""
    return make_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands colour films in this process: a sandbox for each run imports PyTorch anew."""
    guarded = inputs.FilmConfig
    monkeypatch.setattr(inputs, "FilmConfig", lambda **film: guarded(**film | {"limit_s": None}))


@pytest.fixture(scope="session")
def ray_head(s3: Path) -> Iterator[Head]:
    """Run a head of Ray with two CPUs, whose workers know the S3 server, for all tests to join."""
    assert s3.is_dir()
    with run_head("--num-cpus=2") as head:
        yield head


@pytest.fixture
def joined_ray(ray_head: Head, monkeypatch: pytest.MonkeyPatch) -> Head:
    """Let the commands that a test starts join Ray rather than start one: that takes seconds."""
    monkeypatch.setenv("RAY_ADDRESS", ray_head.address)
    return ray_head


@pytest.fixture(scope="module")
def ray_resources(ray_head: Head) -> Iterator[dict[str, float]]:
    """Join Ray in this process for the tests of a module; give what it has."""
    from lineart.runtime.cluster import start_ray, stop_ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", ray_head.address)
        resources = start_ray()
    yield resources
    stop_ray()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run a real S3 server on loopback; give the folder whose subfolders are its buckets."""
    folder = tmp_path_factory.mktemp("s3")
    with serve_s3(folder):
        # Processes that were started before do not know the server.
        stop_sandboxes()
        yield folder


@pytest.fixture
def bucket(s3: Path, request: pytest.FixtureRequest) -> Path:
    """Make a bucket for one test, through the server; give its folder."""
    import boto3

    name = f"test-{abs(hash(request.node.nodeid)):x}"
    boto3.Session().client("s3").create_bucket(Bucket=name)
    return s3 / name


@pytest.fixture(params=["folder", "s3"])
def each_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Give an empty storage of each kind."""
    if request.param == "folder":
        return Storage.at(str(tmp_path / "storage"))
    return Storage.at(f"s3://{request.getfixturevalue('bucket').name}/some/prefix")
