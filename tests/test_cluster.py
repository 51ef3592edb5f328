import pytest
import ray

from lineart.cluster import start_ray


def test_a_ray_that_does_not_start_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's bare exception on a machine that is too busy becomes one that commands report."""

    def time_out(**_: object) -> None:
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", time_out)
    with pytest.raises(ConnectionError, match="did not start on this machine: The current node"):
        start_ray()
