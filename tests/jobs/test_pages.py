"""The commands on the pages for users: they exist, with these flags."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from lineart.jobs.main import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / ".github").glob("*.md"))]
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (?:.*&& )?(?:uv run )?lineart (.*)$", re.MULTILINE)


def commands_of(page: Path) -> list[list[str]]:
    """Return the arguments of `lineart` in the blocks of a page."""
    blocks = "\n".join(_BLOCK.findall(page.read_text())).replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in _COMMAND.findall(blocks)]


@pytest.mark.filterwarnings("ignore:.* found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_pages(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run of each takes its flags."""
    for arguments in commands_of(page):
        monkeypatch.setattr(sys, "argv", ["lineart", *arguments, "--dry-run"])
        with pytest.raises(SystemExit) as ended:
            sys.exit(main())
        assert ended.value.code == 0, (arguments, capsys.readouterr().err)


def test_pages_have_commands() -> None:
    """Those that are for users of the program."""
    without = {page.stem for page in PAGES if not commands_of(page)}
    assert without <= {"architecture", "cluster", "kubernetes", "figures", "gpu"}
