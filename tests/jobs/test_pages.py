"""The commands on the pages for users: they exist, with these flags."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / ".github").glob("*.md"))]
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (?:.*&& )?(?:uv run )?lineart (.*)$", re.MULTILINE)


def commands_of(page: Path) -> list[list[str]]:
    """Return the arguments of `lineart` in the blocks of a page."""
    blocks = "\n".join(_BLOCK.findall(page.read_text())).replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in _COMMAND.findall(blocks)]


# In a process of its own: what `runpy` compiles in a process of the tests has their type checks,
# and would be kept as the bytecode of the module.
TRY = """
import json, sys
from lineart.jobs.main import main
for arguments in json.load(sys.stdin):
    sys.argv = ["lineart", *arguments, "--dry-run"]
    try:
        status = main()
    except SystemExit as ended:
        status = ended.code
    if status:
        sys.exit(f"lineart {' '.join(arguments)} ended with {status}")
"""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_pages(page: Path) -> None:
    """A dry run of each takes its flags."""
    tried = subprocess.run(
        [sys.executable, "-W", "ignore::RuntimeWarning:runpy", "-c", TRY],
        input=json.dumps(commands_of(page)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr


def test_pages_have_commands() -> None:
    """Those that are for users of the program."""
    without = {page.stem for page in PAGES if not commands_of(page)}
    assert without <= {"architecture", "cluster", "kubernetes", "figures", "gpu"}
