import socket
import time
from typing import Any

import pytest
import ray
import ray.autoscaler.sdk

from lineart.film.execution.pools import plan_workers
from lineart.runtime.cluster import read_resources, start_ray, wait_for
from lineart.runtime.machines import MachineRequest


def test_a_ray_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's bare exception on a busy machine becomes a `ConnectionError`."""

    def time_out(**_: object) -> None:
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", time_out)
    with pytest.raises(ConnectionError, match="did not start on this machine: The current node"):
        start_ray()


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_that_is_gone_is_an_error(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """If nothing listens at the address, the error names it after the given time."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with socket.socket() as taken:
        # Bound, and not listening.
        taken.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(ConnectionError, match=f"no Ray cluster answers.*{address}"):
            start_ray(join_s=0.1)


@pytest.mark.parametrize("word", ["auto", "local"])
def test_addresses_that_ray_resolves_are_left_to_it(word: str) -> None:
    """Addresses that Ray resolves itself are not connected to."""
    wait_for(word)


@pytest.mark.parametrize(
    ("has", "labels", "expected"),
    [
        ({"CPU": 4.0}, {}, {"CPU": 4.0}),
        ({}, {"most-cpus": "64", "most-gpus": "8"}, {"CPU": 64.0, "GPU": 8.0}),
        ({"CPU": 96.0, "GPU": 1.0}, {"most-cpus": "64"}, {"CPU": 96.0, "GPU": 1.0}),
    ],
)
def test_resources_of_a_cluster_that_grows(
    monkeypatch: pytest.MonkeyPatch,
    has: dict[str, float],
    labels: dict[str, str],
    expected: dict[str, float],
) -> None:
    """Labels of a living head count where they exceed what is there now."""
    set_cluster(monkeypatch, has, [labels, {}], gone={"most-cpus": "999"})
    assert read_resources() == expected


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ({}, ConnectionError, "no CPUs now; .* most-cpus and most-gpus"),
        ({"most-cpus": "many"}, ValueError, "most-cpus=many is no whole number"),
    ],
)
def test_a_cluster_without_cpus_is_an_error(
    monkeypatch: pytest.MonkeyPatch, labels: dict[str, str], error: type[Exception], message: str
) -> None:
    """Without CPUs now and without a valid label there is an error."""
    set_cluster(monkeypatch, {}, [labels], gone={})
    with pytest.raises(error, match=message):
        read_resources()


def test_machines_are_asked_for_at_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A request is repeated until the work has begun; what is awaited is said, and nothing more.

    Then it is withdrawn, once.
    """
    asked: list[Any] = []
    monkeypatch.setattr(
        ray.autoscaler.sdk, "request_resources", lambda bundles: asked.append(bundles)
    )
    set_cluster(monkeypatch, {"CPU": 4.0}, [], gone={})
    monkeypatch.setattr(ray, "available_resources", lambda: {"CPU": 1.0})
    pools = plan_workers({"CPU": 272.0, "GPU": 4.0}, pictures=170_000)
    bundles = pools.bundles(1500)
    assert bundles == [{"CPU": 1.0, "GPU": 0.5}] * 3 + [{"CPU": 1.0}] * 188
    with MachineRequest(bundles, pools.minimum, renew_s=0.01, say_s=0.01) as request:
        while len(asked) < 4 or not caplog.messages:
            time.sleep(0.01)
        request.withdraw()
        repeated = len(asked)
        set_cluster(monkeypatch, {"CPU": 4.0, "GPU": 1.0}, [], gone={})
        time.sleep(0.1)
        said = len(caplog.messages)
        time.sleep(0.1)
        # What this run itself uses is not free, and nothing to wait for.
        assert len(caplog.messages) == said
    assert set(caplog.messages) == {
        "waits for machines: it needs at least 2 CPUs and 0.5 GPUs; "
        "the cluster has 4 CPUs and 0 GPUs, of which 1 CPUs and 0 GPUs are free"
    }
    assert asked == [bundles] * (repeated - 1) + [[]]
    # Before its first frame, its own workers may be what is not free.
    caplog.clear()
    set_cluster(monkeypatch, {"CPU": 4.0, "GPU": 1.0}, [], gone={})
    monkeypatch.setattr(ray, "available_resources", dict)
    with MachineRequest(bundles, pools.minimum, renew_s=0.01, say_s=0.01):
        while not caplog.messages:
            time.sleep(0.01)
    assert caplog.messages[0].endswith(
        "are free; this run itself may use the others: its first frame is not finished"
    )


def test_a_head_that_is_gone_ends_no_run_by_its_request(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What asks for machines fails in sentences; the run itself says what to do."""

    def fail(**_: object) -> None:
        raise RuntimeError("the head is gone")

    monkeypatch.setattr(ray, "cluster_resources", fail)
    monkeypatch.setattr(ray.autoscaler.sdk, "request_resources", fail)
    with MachineRequest([{"CPU": 1.0}], {"CPU": 1.0}, renew_s=0.01, say_s=0.01):
        while not caplog.messages:
            time.sleep(0.01)
    assert set(caplog.messages) == {"cannot see which machines there are: the head is gone"}


def set_cluster(
    monkeypatch: pytest.MonkeyPatch, has: Any, labels: list[Any], gone: dict[str, str]
) -> None:
    """Let Ray report a cluster."""
    nodes = [{"Alive": True, "Labels": of_node} for of_node in labels]
    nodes += [{"Alive": False, "Labels": gone}]
    monkeypatch.setattr(ray, "cluster_resources", lambda: has)
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
