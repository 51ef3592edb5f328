import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import botocore.session
import jsonschema
import pytest
import yaml
from botocore.model import Shape
from botocore.validate import ParamValidator
from ray._private.resource_and_label_spec import ResourceAndLabelSpec
from ray.autoscaler._private.kuberay.autoscaling_config import (
    _derive_autoscaling_config_from_ray_cr,
)
from ray.autoscaler._private.util import prepare_config, validate_config

from lineart.film.execution.pools import NETWORK_GPUS, PIXEL_CPUS, plan_workers
from lineart.jobs.main import COMMANDS
from lineart.runtime.cluster import MAX_LABELS
from lineart.runtime.device import has_cuda_driver
from lineart.training.job import worker_resources

ROOT = Path(__file__).parents[1]
CLUSTER = (ROOT / "cluster.yaml").read_text()
KUBERNETES = (ROOT / ".github" / "kubernetes.md").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# https://aws.amazon.com/ec2/instance-types: vCPUs, GiB, GPUs.
MACHINES = {"m7i.xlarge": (4, 16, 0), "g6.4xlarge": (16, 64, 1), "c7i.8xlarge": (32, 64, 0)}
SECRETS = re.compile(
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|aws_secret|aws_session|PRIVATE KEY|RAY_AUTH_TOKEN[=:] *[^$\s]",
    re.I,
)

Config = dict[str, Any]


@pytest.fixture
def cluster() -> Config:
    """What `ray up` reads."""
    return dict(yaml.safe_load(CLUSTER))


@pytest.fixture(scope="module")
def run_instances() -> Shape:
    """What EC2 takes to start machines."""
    model = botocore.session.get_session().get_service_model("ec2")
    return model.operation_model("RunInstances").input_shape


def manifests() -> dict[str, Config]:
    """The Kubernetes documents by kind."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", KUBERNETES, re.S | re.M)
    documents = [document for block in blocks for document in yaml.safe_load_all(block)]
    return {document["kind"]: document for document in documents}


def aws_types() -> Config:
    """Machines that `ray up` may start, by name."""
    return dict(yaml.safe_load(CLUSTER)["available_node_types"])


def kuberay_types() -> Config:
    """Pods as Ray's autoscaler understands them, by name."""
    manifest = deepcopy(manifests()["RayCluster"])
    manifest["metadata"]["namespace"] = "films"
    types: Config = _derive_autoscaling_config_from_ray_cr(manifest)["available_node_types"]
    return {"head" if name == "headgroup" else name: node for name, node in types.items()}


both = pytest.mark.parametrize("types", [aws_types, kuberay_types])


def check_schema(config: Config) -> None:
    """Check as `ray up` does before it asks AWS for anything."""
    validate_config(prepare_config(deepcopy(config)))


def check_machine(node_config: Config, shape: Shape) -> str:
    """Check what is asked of EC2; give what is wrong with it."""
    request = {key: value for key, value in node_config.items() if key != "SubnetIds"}
    # Ray's own key: it tries one subnet after the other.
    request |= {"MinCount": 1, "MaxCount": 1, "SubnetId": node_config["SubnetIds"][0]}
    known = shape.members["InstanceType"].enum
    unknown = "" if request.get("InstanceType") in known else "unknown instance type"
    return ParamValidator().validate(request, shape).generate_report() or unknown


def test_ray_takes_the_cluster(cluster: Config) -> None:
    """Ray's own defaults and schema accept the file."""
    check_schema(cluster)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda config: config.update(idle_timeout=5),
        lambda config: config.update(head_node_type="main"),
        lambda config: config["docker"].pop("container_name"),
        lambda config: config["available_node_types"]["gpu"].update(maximum=4),
        lambda config: config["available_node_types"]["gpu"]["resources"].update(CPU=0.5),
    ],
)
def test_the_schema_catches_slips(cluster: Config, break_it: Callable[[Config], Any]) -> None:
    """Unknown keys, unknown types and parts of CPUs do not pass for a valid cluster."""
    break_it(cluster)
    with pytest.raises((jsonschema.ValidationError, ValueError, AssertionError)):
        check_schema(cluster)


@pytest.mark.parametrize("name", ["head", "gpu", "cpu"])
def test_ec2_takes_the_machines(cluster: Config, name: str, run_instances: Shape) -> None:
    """EC2's own description of a request accepts each type of machine."""
    node_config = cluster["available_node_types"][name]["node_config"]
    assert check_machine(node_config, run_instances) == ""


@pytest.mark.parametrize(
    "typo",
    [
        {"InstanceTyp": "g6.4xlarge"},
        {"InstanceType": "g6.xxlarge"},
        {"InstanceMarketOptions": {"MarketTypo": "spot"}},
        {"IamInstanceProfile": "lineart-worker"},
    ],
)
def test_ec2_catches_typos(cluster: Config, typo: Config, run_instances: Shape) -> None:
    """A misspelt option or machine, which Ray's schema lets pass, does not pass here."""
    cluster["available_node_types"]["gpu"]["node_config"].update(typo)
    check_schema(cluster)
    assert check_machine(cluster["available_node_types"]["gpu"]["node_config"], run_instances)


@both
def test_the_head_runs_no_frames(types: Callable[[], Config]) -> None:
    """The head has no CPU and no GPU to give."""
    resources = types()["head"]["resources"]
    assert resources["CPU"] == 0
    assert "GPU" not in resources


@both
def test_no_worker_runs_without_work(types: Callable[[], Config]) -> None:
    """Workers come when there is work, and go."""
    workers = {name: node for name, node in types().items() if name != "head"}
    assert set(workers) == {"gpu", "cpu"}
    assert all(node["min_workers"] == 0 < node["max_workers"] for node in workers.values())


def test_only_workers_are_spot_machines(cluster: Config) -> None:
    """A machine that may vanish is never the head; and they end when idle instead of stopping."""
    configs = {name: node["node_config"] for name, node in aws_types().items()}
    spot = {name for name, config in configs.items() if "InstanceMarketOptions" in config}
    assert spot == {"gpu", "cpu"}
    assert cluster["provider"]["cache_stopped_nodes"] is False
    assert cluster["idle_timeout_minutes"] > 0
    assert cluster["max_workers"] == sum(aws_types()[name]["max_workers"] for name in spot)


@pytest.mark.parametrize("name", ["head", "gpu", "cpu"])
def test_resources_are_those_of_the_machine(name: str) -> None:
    """Ray is told the CPUs and GPUs that the instance has, and its object store fits /dev/shm."""
    node = aws_types()[name]
    cpus, memory_gib, gpus = MACHINES[node["node_config"]["InstanceType"]]
    assert node["resources"]["CPU"] == (0 if name == "head" else cpus)
    assert node["resources"].get("GPU", 0) == gpus
    assert node["resources"]["object_store_memory"] < 0.3 * memory_gib * 2**30


def test_ray_start_obeys_the_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ray start` on a machine takes CPUs, object store and label from the file."""
    head = aws_types()["head"]
    # This is how `ray up` hands them over.
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", json.dumps(head["resources"]))
    monkeypatch.setenv("RAY_OVERRIDE_LABELS", json.dumps(head["labels"]))
    spec = ResourceAndLabelSpec().resolve(is_head=True, node_ip_address="127.0.0.1")
    resources = spec.to_resource_dict()
    assert "CPU" not in resources
    assert resources["object_store_memory"] == head["resources"]["object_store_memory"]
    assert spec.labels["role"] == "head"


@both
def test_the_head_says_what_the_cluster_may_grow_to(types: Callable[[], Config]) -> None:
    """The head's labels are the sums over all workers: a job on an empty cluster plans by them."""
    head, *workers = sorted(types().items(), key=lambda item: item[0] != "head")
    for resource, label in MAX_LABELS.items():
        most = sum(node["resources"].get(resource, 0) * node["max_workers"] for _, node in workers)
        assert head[1]["labels"][label] == str(int(most))


def requests(source: str) -> set[str]:
    """Names of resources and labels that a module asks Ray for."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg in ("num_cpus", "num_gpus"):
            names.add(node.arg.removeprefix("num_").removesuffix("s").upper())
        elif isinstance(node, ast.keyword) and node.arg in ("resources", "label_selector"):
            names |= {ast.literal_eval(key) for key in getattr(node.value, "keys", []) if key}
    return names


def test_requests_are_found() -> None:
    """Resources and labels of a call's options are seen, also custom ones."""
    call = (
        'f.options(num_gpus=1, resources={"disk": 1}, label_selector={"role": "gpu"}, x={"y": 1})'
    )
    assert requests(call) == {"GPU", "disk", "role"}


@both
def test_workers_offer_what_jobs_ask_for(types: Callable[[], Config]) -> None:
    """Each resource and label that the library names is on some type of worker."""
    asked = set().union(*(requests(path.read_text()) for path in (ROOT / "lineart").rglob("*.py")))
    assert {"CPU", "GPU"} <= asked
    workers = [node for name, node in types().items() if name != "head"]
    assert asked <= {name for node in workers for name in {**node["resources"], **node["labels"]}}


@both
def test_networks_and_training_fit_a_gpu_machine(types: Callable[[], Config]) -> None:
    """A GPU machine holds its networks and a task on pixels, or a process that trains."""
    workers = [node for name, node in types().items() if name != "head"]
    total = {
        name: float(sum(node["max_workers"] * node["resources"].get(name, 0) for node in workers))
        for name in ("CPU", "GPU")
    }
    gpu = types()["gpu"]["resources"]
    pools = plan_workers(total, 170_000)
    networks = int(gpu["GPU"] / NETWORK_GPUS)
    assert pools.networks.maximum == networks * total["GPU"]
    # A CPU for each network, and one for pixels.
    assert gpu["CPU"] >= networks + PIXEL_CPUS
    share = worker_resources(int(total["GPU"]), total)
    assert all(amount <= gpu[name] for name, amount in share.items())


def test_versions_are_those_of_the_project() -> None:
    """Images and manifests name the Ray that the project pins, and its oldest Python."""
    pin = next(text for text in PROJECT["dependencies"] if text.startswith("ray["))
    version = pin.split("==")[1]
    python = PROJECT["requires-python"].removeprefix(">=").replace(".", "")
    image = DOCKERFILE.replace("${DEVICE}", "gpu")
    images = re.findall(r"rayproject/ray:(\S+)", CLUSTER + image)
    assert set(images) == {f"{version}-py{python}-cpu", f"{version}-py{python}-gpu"}
    assert re.findall(r'rayVersion: "(.*)"', KUBERNETES) == [version, version]
    assert aws_types()["gpu"]["docker"]["worker_image"].endswith("-gpu")


def test_what_is_installed_is_the_project(cluster: Config) -> None:
    """Mounts and image hold what the project is built from, all of which is there."""
    parts = {"lineart", "pyproject.toml", PROJECT["readme"], *PROJECT["license-files"]}
    mounts = cluster["file_mounts"].items()
    own = {local for remote, local in mounts if remote == f"/opt/lineart/{local}"}
    copies = re.findall(r"^COPY --chown=\S+ (.*) \S+$", DOCKERFILE, re.M)
    assert own == parts == set(" ".join(copies).split())
    sent = (ROOT / ".dockerignore").read_text().split()
    assert sent == ["*", *(f"!{part}" for part in sorted(parts)), "**/__pycache__"]
    assert all((ROOT / part).exists() for part in parts)
    assert any("pip install" in line and "~/lineart" in line for line in cluster["setup_commands"])


@pytest.mark.parametrize("wanted", [None, "all"])
def test_the_set_up_ends_where_torch_has_no_gpu(cluster: Config, wanted: str | None) -> None:
    """An image that wants GPUs gets no torch without CUDA in silence; others need none."""
    if has_cuda_driver():
        pytest.skip("this machine has a GPU, with which the set-up rightly goes on")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    environment.pop("NVIDIA_VISIBLE_DEVICES", None)
    environment |= {"NVIDIA_VISIBLE_DEVICES": wanted} if wanted else {}
    command = ["bash", "-c", cluster["setup_commands"][-1]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == bool(wanted), done.stderr
    assert ("this process has a GPU, but torch" in done.stderr) == bool(wanted)


def test_the_image_is_well_made() -> None:
    """The linter has no objection, and processes run under a number that is not root's."""
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    said = subprocess.run(
        [hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert re.findall(r"^USER (\d+)", DOCKERFILE, re.M) == ["1000"]
    assert "ARG DEVICE=cpu\nFROM" in DOCKERFILE
    assert "ENTRYPOINT" not in DOCKERFILE


def environments() -> list[Config]:
    """What each container's processes find in their environment, by `ray up` and by KubeRay."""
    options = yaml.safe_load(CLUSTER)["docker"]["run_options"]
    docker = dict(re.findall(r"--env (\w+)=(\S+)", "\n".join(options)))
    spec = manifests()["RayCluster"]["spec"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    pods = [group["template"]["spec"]["containers"][0]["env"] for group in groups]
    return [docker, *({pair["name"]: pair["value"] for pair in pod} for pod in pods)]


def test_workers_start_as_on_one_machine() -> None:
    """Each machine sets for Ray what the program sets where it starts Ray by itself."""
    source = (ROOT / "lineart/runtime/cluster.py").read_text()
    settings = dict(re.findall(r'"(RAY_[a-z]\w+)"[,:] "(\w+)"', source))
    assert "RAY_worker_niceness" in settings
    assert all(settings.items() <= environment.items() for environment in environments())


def test_a_stopped_driver_has_time() -> None:
    """`ray job stop` waits for a driver that writes down what is done; Ray's own limit is 3 s."""
    limits = [int(environment["RAY_JOB_STOP_WAIT_TIME_S"]) for environment in environments()]
    assert min(limits) >= 30


def test_one_region(cluster: Config) -> None:
    """Jobs look for the bucket where the machines are."""
    assert {env["AWS_REGION"] for env in environments()} == {cluster["provider"]["region"]}


@pytest.mark.parametrize("text", [CLUSTER, KUBERNETES, DOCKERFILE], ids=["aws", "kube", "image"])
def test_no_key_stands_in_a_file(text: str) -> None:
    """Rights come from instance profiles and service accounts."""
    assert not SECRETS.search(text)
    assert SECRETS.search(text + "AKIA" + "A" * 16)
    assert SECRETS.search(text + "- --env RAY_AUTH_TOKEN=3f")


def test_rights_come_from_profiles(cluster: Config) -> None:
    """Every machine has a profile, and workers not that of the head, which may start machines."""
    configs = {name: node["node_config"] for name, node in aws_types().items()}
    profiles = {name: config["IamInstanceProfile"]["Name"] for name, config in configs.items()}
    assert profiles == {"head": "lineart-head", "gpu": "lineart-worker", "cpu": "lineart-worker"}
    assert set(cluster["auth"]) == {"ssh_user"}


def test_nobody_gets_in(cluster: Config) -> None:
    """The dashboard is on loopback, Ray asks for a token, no machine has a public address."""
    head_start = cluster["head_start_ray_commands"][-1]
    assert "--dashboard-host=127.0.0.1" in head_start.split()
    docker = environments()[0]
    assert docker["RAY_AUTH_MODE"] == "token"
    assert cluster["file_mounts"][docker["RAY_AUTH_TOKEN_PATH"]] == "~/.ray/auth_token"
    assert cluster["provider"]["use_internal_ips"] is True
    for node in aws_types().values():
        # A group that Ray makes by itself opens SSH to the world.
        assert node["node_config"]["SecurityGroupIds"]
        assert node["node_config"]["MetadataOptions"]["HttpTokens"] == "required"


def test_pods_have_accounts_and_a_wall() -> None:
    """Service accounts give pods their rights; a policy and a token keep others out."""
    documents = manifests()
    assert set(documents) == {"ServiceAccount", "NetworkPolicy", "RayJob", "RayCluster"}
    assert documents["NetworkPolicy"]["spec"]["podSelector"] == {}
    spec = documents["RayCluster"]["spec"]
    assert spec["authOptions"] == {"mode": "token"}
    assert "serviceType" not in spec["headGroupSpec"]
    accounts = [
        group["template"]["spec"]["serviceAccountName"]
        for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"])
    ]
    assert accounts == ["lineart-head", "lineart-worker", "lineart-worker"]
    assert all(KUBERNETES.count(f"name: {account}\n") == 1 for account in accounts)


def test_a_film_on_kubernetes_ends_by_itself() -> None:
    """The job runs a module that exists, is tried again, and its cluster goes when it is done."""
    job = manifests()["RayJob"]
    assert job["apiVersion"] == manifests()["RayCluster"]["apiVersion"] == "ray.io/v1"
    spec = job["spec"]
    module = re.match(r"lineart (\w+) --lines \S+ --output \S+$", spec["entrypoint"])
    assert module
    assert module[1] in COMMANDS
    assert spec["backoffLimit"] > 0
    assert spec["submitterConfig"]["backoffLimit"] > 0
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["ttlSecondsAfterFinished"] > 0
    # The cluster of one film is that of many.
    assert spec["rayClusterSpec"] == manifests()["RayCluster"]["spec"]


def test_pods_scale_and_hold_what_ray_is_told() -> None:
    """The autoscaler is on, and each pod's limits hold its GPU and its object store."""
    spec = manifests()["RayCluster"]["spec"]
    assert spec["enableInTreeAutoscaling"] is True
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        resources = group["template"]["spec"]["containers"][0]["resources"]
        assert resources["limits"] == resources["requests"]
        memory = int(resources["limits"]["memory"].removesuffix("Gi")) * 2**30
        assert int(group["rayStartParams"]["object-store-memory"]) < 0.3 * memory
    gpu = spec["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]
    assert gpu["resources"]["limits"]["nvidia.com/gpu"] == "1"
