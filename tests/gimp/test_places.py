"""Where the plug-in goes, and the command that puts it there."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lineart.gimp import places
from lineart.jobs.command import ALL_DONE, WRONG_INPUT
from lineart.jobs.gimp_plugin import GimpPlugin, main

FLATPAK = ".var/app/org.gimp.GIMP/config/GIMP"
SNAP = "snap/gimp/current/.config/GIMP/3.0"


@pytest.mark.parametrize(
    ("platform", "environment", "there", "expected"),
    [
        ("linux", {}, [], [".config/GIMP/3.0"]),
        ("linux", {"XDG_CONFIG_HOME": "HOME/etc"}, [], ["etc/GIMP/3.0"]),
        (
            "linux",
            {},
            [".config/GIMP/2.10", ".config/GIMP/3.0", ".config/GIMP/3.2", f"{FLATPAK}/3.0"],
            [".config/GIMP/3.0", ".config/GIMP/3.2", f"{FLATPAK}/3.0"],
        ),
        ("linux", {}, [SNAP], [SNAP]),
        ("darwin", {}, [], ["Library/Application Support/GIMP/3.0"]),
        ("win32", {}, [], ["AppData/Roaming/GIMP/3.0"]),
        ("win32", {"APPDATA": "HOME/roams"}, ["roams/GIMP/3.2"], ["roams/GIMP/3.2"]),
        ("linux", {"GIMP3_DIRECTORY": "HOME/own"}, [".config/GIMP/3.0"], ["own"]),
    ],
)
def test_each_system_has_its_folders(
    platform: str,
    environment: dict[str, str],
    there: list[str],
    expected: list[str],
    tmp_path: Path,
) -> None:
    """All GIMP 3 that have run, or else the folder that the first run will make."""
    for folder in there:
        (tmp_path / folder).mkdir(parents=True)
    given = {name: text.replace("HOME", str(tmp_path)) for name, text in environment.items()}
    found = places.settings_folders(tmp_path, platform=platform, environment=given)
    assert found == [tmp_path / one for one in expected]


def test_the_command_installs_and_removes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An executable file beside the command that starts lineart; only looking changes nothing."""
    monkeypatch.setenv("GIMP3_DIRECTORY", str(tmp_path / "gimp"))
    file = tmp_path / "gimp" / "plug-ins" / "lineart" / "lineart.py"

    def run(action: str, **flags: object) -> dict[str, list[str]]:
        assert main(GimpPlugin(action=action, **flags)) == ALL_DONE
        told: dict[str, list[str]] = json.loads(capsys.readouterr().out)
        return told

    assert run("install", print_path=True) == {"paths": [str(file)]}
    assert not file.parent.exists()
    for _ in range(2):
        assert run("install") == {"installed": [str(file)]}
    assert os.access(file, os.X_OK)
    command = json.loads(file.with_name("program.json").read_text())
    listed = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "serve" in listed.stdout
    assert run("remove") == {"removed": [str(file.parent)]}
    assert run("remove") == {"removed": []}
    assert file.parent.parent.is_dir()


def test_a_folder_that_cannot_be_written_and_no_installation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentences name the folder, and what to do."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert main(GimpPlugin(action="install", folder=str(blocked))) == WRONG_INPUT
    assert str(blocked) in capsys.readouterr().err
    monkeypatch.setattr(places, "distribution", _not_found)
    assert main(GimpPlugin(action="install", folder=str(tmp_path))) == WRONG_INPUT
    assert "uv tool install" in capsys.readouterr().err


def _not_found(name: str) -> None:
    raise places.PackageNotFoundError(name)


def test_the_plug_in_needs_no_package() -> None:
    """It imports gi and the standard library alone, and speaks the version of the server."""
    tree = ast.parse(places.PLUG_IN.read_text())
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - {"gi"} <= sys.stdlib_module_names
    versions = [
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and ast.unparse(node.targets[0]) == "PROTOCOL"
    ]
    from lineart.service.protocol import VERSION

    assert versions == [VERSION]
