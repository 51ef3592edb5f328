from pathlib import Path

import pytest

from jobs.train import Train, main


def test_dry_run_prints_the_recipe_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole configuration is on the screen; no folder appears."""
    output = tmp_path / "run"
    main(Train(recipe="small", images=tmp_path, output=output, dry_run=True))
    assert "'model': 'additive_unet'" in capsys.readouterr().out
    assert not output.exists()


def test_an_unknown_recipe_is_refused(tmp_path: Path) -> None:
    """The message names the recipes that exist."""
    with pytest.raises(SystemExit, match="choose one of small"):
        main(Train(recipe="large", images=tmp_path, output=tmp_path))
