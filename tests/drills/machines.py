"""Simulated machines of the drill `scale`, which end as those of a cloud do."""

from ray.autoscaler._private.fake_multi_node.node_provider import FakeMultiNodeProvider


# Ray has no public simulation of machines that come and go; this one has no types, so that mypy
# takes the class above for Any.
class Machines(FakeMultiNodeProvider):  # type: ignore[misc]
    """Ray's simulation, in which a killed machine would count as one that is starting, for ever.

    A cloud lists it as ended, so that the autoscaler starts another one.
    """

    def non_terminated_nodes(self, tag_filters: dict[str, str]) -> list[str]:
        """Return the machines that run; end what is left of those whose raylet was killed."""
        with self.lock:
            for node_id, machine in list(self._nodes.items()):
                node = machine.get("node")
                if node and not node.remaining_processes_alive():
                    self.terminate_node(node_id)
            running: list[str] = super().non_terminated_nodes(tag_filters)
            return running
