"""The plug-in in a real GIMP 3, without a window.

`LINEART_GIMP` names the program, which then has to be there; without it, it is `gimp-console` on
the path, if that is a GIMP 3. It is started with `GIMP3_DIRECTORY` and `LINEART_PROGRAM` in its
environment, and sees the folder for temporary files.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lineart.gimp.places import install

ROOT = Path(__file__).parents[2]
SCENES = Path(__file__).with_name("scenes.py")
GIMP = (
    shlex.split(os.environ.get("LINEART_GIMP", ""))
    or [found for name in ("gimp-console-3.0", "gimp-console") if (found := shutil.which(name))][:1]
)
LIMIT_S = 120.0
RED, BLUE = "c81e3cff", "1e3cc8ff"

Facts = dict[str, Any]


def version_of(gimp: list[str]) -> str:
    """Return what a GIMP says of its version."""
    with suppress(OSError, IndexError):
        told = subprocess.run([*gimp, "--version"], capture_output=True, text=True, check=False)
        return told.stdout
    return ""


pytestmark = pytest.mark.skipif(
    "LINEART_GIMP" not in os.environ and "version 3." not in version_of(GIMP),
    reason="no GIMP 3 is here: LINEART_GIMP names none, and gimp-console is not on the path",
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give GIMP's folder of settings, with the plug-in; the program it started is ended."""
    folder = tmp_path_factory.mktemp("gimp")
    install(folder, ["/installed/elsewhere"])
    yield folder
    with suppress(OSError, ValueError):
        said = json.loads((folder / "lineart" / "server.json").read_text())
        os.kill(said["pid"], signal.SIGTERM)


@pytest.fixture(scope="module")
def start(settings: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Give a function that starts GIMP with scenes."""
    # GIMP takes the first python3 of the path for its plug-ins; that of an environment lacks `gi`.
    here = str(Path(sys.executable).parent)
    path = os.pathsep.join(one for one in os.environ["PATH"].split(os.pathsep) if one != here)

    def start(*scenes: list[str]) -> "subprocess.Popen[str]":
        script = settings / "scenes.py"
        shutil.copy(SCENES, script)
        batch = ["--batch-interpreter", "python-fu-eval", "-b", f"exec(open('{script}').read())"]
        return subprocess.Popen(
            [*GIMP, "-n", "-i", "-d", "-f", *batch, "--quit"],
            env=os.environ
            | {"SCENES": json.dumps(scenes), "GIMP3_DIRECTORY": str(settings)}
            | {"LINEART_PROGRAM": f"{sys.executable} -m lineart.jobs.main"}
            | {"PATH": path},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def read_facts(started: "subprocess.Popen[str]") -> dict[str, Facts]:
    """Return what the scenes of a GIMP tell, by their names."""
    with started:
        output, _ = started.communicate(timeout=LIMIT_S)
    told = [json.loads(line[6:]) for line in output.splitlines() if line.startswith("SCENE ")]
    assert told, output[-3000:]
    return {facts.pop("scene"): facts for facts in told} | {"output": {"text": output}}


@pytest.fixture(scope="module")
def told(
    start: Callable[..., "subprocess.Popen[str]"], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Facts]:
    """Run the scenes in one GIMP; give a function that returns the facts of one."""
    folder = str(tmp_path_factory.mktemp("files"))
    scenes = [["hints_again"], ["placed_in_a_group"], ["kinds_of_images"]]
    scenes += [["transparent_and_separate"], ["gap"], ["key_and_photo", folder], ["errors"]]
    scenes += [["missing"]]
    facts = read_facts(start(*scenes))

    def get(scene: str) -> Facts:
        assert scene in facts, facts["output"]["text"][-3000:]
        return facts[scene]

    return get


def test_hints_colour_a_drawing_again_and_again(told: Callable[[str], Facts]) -> None:
    """A layer below the drawing, which shows it; replaced, with the artist's opacity; or kept."""
    facts = told("hints_again")
    assert facts["error"] == ""
    whole = "160x90+0+0"
    assert facts["before"] == [
        f"My hints {whole} normal",
        f"Ink {whole} multiply",
        f"Colour {whole} normal",
    ]
    assert [facts["first"], facts["again"]] == [RED, BLUE]
    assert facts["after"] == facts["before"]
    assert facts["opacity"] == 50
    assert facts["chosen"] == ["My hints"]
    assert facts["kept"] == [*facts["before"], f"kept {whole} normal"]
    assert facts["both"] == ["Other", "Colour #1", "My hints", "Ink", "Colour", "kept"]


def test_a_drawing_in_a_group_beside_the_canvas(told: Callable[[str], Facts]) -> None:
    """The colours are in its group, of the image's size, and lie where its lines are."""
    facts = told("placed_in_a_group")
    assert facts["error"] == ""
    assert facts["stack"] == [
        "dots 20x20+100+50 normal",
        ["Character", "Ink 100x80+60+20 multiply", "Colour 200x120+0+0 normal"],
        "Background 200x120+0+0 normal",
    ]
    assert facts["inside"] == [RED] * 3


def test_each_kind_of_image(told: Callable[[str], Facts]) -> None:
    """Grey becomes RGB; 16 bits and linear light have the same colour."""
    facts = told("kinds_of_images")
    assert facts["grey"][:2] == ["", True]
    assert facts["u16"] == facts["float"] == ["", True, RED]


def test_lines_without_paper_and_layers_apart(told: Callable[[str], Facts]) -> None:
    """The drawing keeps its mode, and around the character is nothing; lines as a layer."""
    facts = told("transparent_and_separate")
    whole = "160x90+0+0"
    assert facts["error"] == ""
    assert facts["below"][1:] == [f"Ink {whole} normal", f"Colour {whole} normal"]
    assert facts["pixels"] == [RED, "00000000"]
    assert facts["separate"][1:] == [
        f"Lines {whole} normal",
        f"Ink {whole} normal hidden",
        f"Colour {whole} normal",
    ]
    assert facts["lines"] == ["000000ff", "00000000"]
    assert facts["back"] == facts["below"]


def test_the_largest_gap(told: Callable[[str], Facts]) -> None:
    """As the settings say, a colour stays within lines that have an opening."""
    facts = told("gap")
    assert facts["error"] == ""
    assert facts["around"] == [[RED, RED], [RED, "ffffffff"]]


def test_a_key_and_a_photograph(told: Callable[[str], Facts]) -> None:
    """Layers or a file as key; none is an error; a drawing lies on its photograph."""
    facts = told("key_and_photo")
    with_layers, with_file, without = facts["keys"]
    assert with_layers == with_file == ["", RED]
    assert "Give the coloured drawing" in without[0]
    assert facts["error"] == ""
    size = "100x70+250+-20 normal"
    assert facts["top"] == [f"Drawing {size}", f"photo {size}"]


def test_what_goes_wrong_is_a_sentence(told: Callable[[str], Facts]) -> None:
    """Nothing is changed, and the sentence says what to do."""
    facts = told("errors")
    assert facts["same"] is True
    said = ["one layer, and not 2", "no transparency", "no weights at /no/such"]
    assert all(part in sentence for part, sentence in zip(said, facts["told"], strict=True))
    facts = told("missing")
    assert "/no/such/lineart does not start" in facts["told"]
    assert "uv tool install lineart" in facts["told"]
    assert facts["layers"] == 2


def test_two_at_once_start_one_program_and_a_killed_one_is_started_again(
    start: Callable[..., "subprocess.Popen[str]"], settings: Path
) -> None:
    """Two GIMPs without a program; then it is killed between two commands, and during one."""
    with suppress(OSError, ValueError):
        os.kill(json.loads((settings / "lineart/server.json").read_text())["pid"], signal.SIGKILL)
    both = [start(["at_once"]), start(["at_once"])]
    facts = [read_facts(one)["at_once"] for one in both]
    assert facts[0] == facts[1]
    assert facts[0]["error"] == ""
    assert facts[0]["color"] == RED
    killed = read_facts(start(["killed"]))["killed"]
    assert killed["error"] == ""
    assert killed["color"] == RED
    assert len(set(killed["pids"])) == 3
