"""The command that changes colours of a coloured film: exact, resumed, on S3 and on Ray."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from lineart.codec import encode_png
from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import prepare_run
from lineart.film.outcome.run_json import write_run
from lineart.film.run import run_film
from lineart.jobs.colorize import Colorize, read_film
from lineart.jobs.films import FilmFlags
from lineart.jobs.recolor import Recolor, main
from lineart.manifest import read_manifest
from lineart.storage import Storage
from tests.ray_head import Head

pytestmark = pytest.mark.usefixtures("no_sandbox")

SIZE = (96, 144)
DAY = ((200, 30, 40), (40, 60, 150), (250, 214, 190))
NIGHT = ((40, 60, 150), (20, 10, 90), (255, 255, 254))
"""Colours of the three regions; the second day's colour is the first night's."""
SWAPS = tuple(
    f"#{bytes(day).hex()}=#{bytes(night).hex()}" for day, night in zip(DAY, NIGHT, strict=True)
)
FLAGS: dict[str, Any] = {"layers": True, "indexed_paint": True}


def draw(kind: str) -> np.ndarray:
    """Draw a circle in a circle, and a square, all closed."""
    scale = 2
    line = np.full((SIZE[0] * scale, SIZE[1] * scale), 255, np.uint8)
    cv2.circle(line, (90, 96), 72, 0, 5, cv2.LINE_AA)
    cv2.circle(line, (90, 96), 34, 40, 4, cv2.LINE_AA)
    cv2.rectangle(line, (180, 40), (262, 160), 0, 4)
    line = cv2.resize(line, SIZE[::-1], interpolation=cv2.INTER_AREA)
    match kind:
        case "pencil":
            return (235 - (255 - line.astype(int)) * 0.5).clip(0, 255).astype(np.uint8)
        case "color":
            return np.dstack((line // 2 + 127, line, line))
        case "traced":
            traced = cv2.merge((line,) * 3)
            traced[40:56, 44:45] = (0, 0, 255)
            return traced
        case "cel":
            ink = np.full((*SIZE, 3), (60, 20, 20), np.uint8)
            return np.dstack((ink, 255 - line))
    return line


def hint(colors: tuple[tuple[int, int, int], ...]) -> np.ndarray:
    """Paint a dab in each region."""
    picture = np.zeros((*SIZE, 4), np.uint8)
    for (row, column), color in zip(((20, 45), (48, 40), (50, 110)), colors, strict=True):
        picture[row : row + 4, column : column + 4] = (*color, 255)
    return picture


def save(path: Path, picture: np.ndarray) -> None:
    """Write a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(picture, dpi=(300.0, 300.0)))


def color(folder: Path, weights: Path, colors: str = "day", **flags: Any) -> Path:
    """Colour the drawings below `lines` by hints; return the output."""
    save(folder / f"{colors}/s1.png", hint(DAY if colors == "day" else NIGHT))
    chosen: dict[str, Any] = {"finish": "paint", **FLAGS, **flags}
    output = folder / f"color_{colors}"
    command = Colorize(
        lines=str(folder / "lines"),
        hints=str(folder / colors),
        output=str(output),
        weights=str(weights),
        network_size=64,
        **chosen,
    )
    make(command)
    return output


def make(command: Colorize) -> None:
    """Run the command in this process alone, which takes a tenth of the time."""
    film, open_task = read_film(command)
    opened = prepare_run(replace(film, limit_s=None), open_task)
    ended = run_film(opened, LocalRunner(), lambda _: None)
    write_run(asdict(command), opened, datetime.now(UTC), ended)
    assert ended[0].failed == 0


def pictures(output: Path) -> dict[str, bytes]:
    """Return the files of frames, layers and paint."""
    folders = ("frames", "layers", "lines", "paint", "psd")
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for folder in folders
        for path in (output / folder).rglob("*.*")
    }


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Read the last line of standard output."""
    result: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return result


@pytest.mark.parametrize(
    ("kinds", "flags"),
    [
        (("ink", "pencil", "color", "cel"), {}),
        (("ink", "pencil", "cel"), {"lines_as": "paper"}),
        (("traced", "ink"), {"trace_lines": True}),
        (("ink", "pencil", "cel"), {"paper": "transparent", "psd": True}),
        (("cel", "ink"), {"film": FilmFlags(output_format="tga", names="A0001")}),
    ],
)
def test_recolored_frames_are_those_of_other_hints(
    kinds: tuple[str, ...],
    flags: dict[str, Any],
    tiny_weights: Path,
    tmp_path: Path,
) -> None:
    """With the colours swapped, each file is to the bit what colorize makes of swapped hints."""
    for number, kind in enumerate(kinds):
        save(tmp_path / f"lines/s1/A_{number}.png", draw(kind))
    day, night = color(tmp_path, tiny_weights, **flags), tmp_path / "recolored"
    expected = pictures(color(tmp_path, tiny_weights, "night", **flags))
    mine = {name: flags[name] for name in ("film", "psd") if name in flags}
    flags_of_mine = Recolor(painted=str(day), output=str(night), swap=SWAPS, **FLAGS, **mine)
    assert main(flags_of_mine) == 0
    found = pictures(night)
    assert found == expected
    assert found != pictures(day)
    # And back again, from what was recoloured.
    back = tuple("=".join(swap.split("=")[::-1]) for swap in SWAPS)
    again = Recolor(painted=str(night), output=str(tmp_path / "back"), swap=back, **FLAGS, **mine)
    assert main(again) == 0
    assert pictures(tmp_path / "back") == pictures(day)


@pytest.fixture
def film(tmp_path: Path, tiny_weights: Path) -> Recolor:
    """Give a coloured film of four frames, of which two are equal, to recolour."""
    for name, kind in {"f1": "ink", "f2": "ink", "f3": "pencil", "f4": "cel"}.items():
        save(tmp_path / f"lines/s1/{name}.png", draw(kind))
    day = color(tmp_path, tiny_weights)
    return Recolor(painted=str(day), output=str(tmp_path / "out"), swap=SWAPS)


def status(output: str) -> Mapping[str, tuple[str, str | None]]:
    """Return the status and message of each frame in the manifest."""
    rows = read_manifest(Storage.at(output)).to_pylist()
    return {row["frame"][3:5]: (row["status"], row["message"]) for row in rows}


def test_a_film_goes_on(
    film: Recolor, tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It holds equal frames, skips finished ones, and makes what has changed; nothing is stale."""
    assert main(film) == 0
    counts = told(capsys)
    assert (counts["done"], counts["held"], counts["failed"]) == (3, 1, 0)
    assert main(film) == 0
    assert told(capsys)["skipped"] == 4
    run = json.loads(Path(film.output, "run.json").read_text())
    assert run["weights"] is None
    assert run["pictures"] == str(tmp_path / "lines")
    # Paint is no hint, which the page would list.
    assert read_manifest(Storage.at(film.output))["hints"].null_count == 4
    assert "recoloured" in Path(film.output, "report.html").read_text()
    Path(film.output, "frames/s1/f3.png").unlink()
    assert main(film) == 0
    assert told(capsys)["skipped"] == 3
    # Other colours make all frames anew.
    assert main(replace(film, swap=SWAPS[:1])) == 0
    assert (told(capsys)["done"], Path(film.output, "_SUCCESS").exists()) == (3, True)
    # A drawing that is newer than its paint is never laid over it.
    save(tmp_path / "lines/s1/f3.png", draw("ink")[::-1])
    assert main(replace(film, swap=SWAPS[:1])) == 3
    why = "its drawing has changed since it was coloured; colour it again first"
    assert status(film.output)["f3"] == ("failed", why)
    capsys.readouterr()
    color(tmp_path, tiny_weights)
    capsys.readouterr()
    assert main(replace(film, swap=SWAPS[:1])) == 0
    counts = told(capsys)
    assert (counts["done"], counts["skipped"]) == (1, 3)


def test_frames_without_paint_fail_by_name(
    film: Recolor, tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Frames that are new, were made without paint or otherwise, or whose paint is lost, do."""
    save(tmp_path / "lines/s1/f0.png", draw("color"))
    for name, kind in (("f1", "pencil"), ("f2", "traced")):
        save(tmp_path / f"lines/s1/{name}.png", draw(kind))
    color(tmp_path, tiny_weights, indexed_paint=False, film=FilmFlags(frames="1"))
    color(tmp_path, tiny_weights, trace_lines=True, film=FilmFlags(frames="2"))
    (tmp_path / "color_day/paint/s1/f4.png").unlink()
    assert main(film) == 3
    capsys.readouterr()
    said = status(film.output)
    assert said["f3"] == ("done", None)
    for name in ("f0", "f1"):
        assert said[name][0] == "failed"
        assert "there is no finished frame with paint of it" in str(said[name][1])
    assert said["f2"][0] == "failed"
    assert "laid over the paint otherwise than most" in str(said["f2"][1])
    assert "paint/s1/f4.png" in str(said["f4"][1])
    assert main(replace(film, film=FilmFlags(accept=("s1/f0.png", "s1/f1.png", "s1/f2.png")))) == 3


def test_shots_that_were_not_colored_are_left_out(
    tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A film of some shots is recoloured alone; of drawings of others alone it is refused."""
    for shot in ("s1", "s2"):
        save(tmp_path / f"lines/{shot}/f1.png", draw("ink"))
    day = color(tmp_path, tiny_weights, film=FilmFlags(shots=("s2",)))
    film = Recolor(painted=str(day), output=str(tmp_path / "out"), swap=SWAPS)
    capsys.readouterr()
    assert main(film) == 0
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[-1])["done"] == 1
    assert "has no frames of s1; left out" in said.err
    assert read_manifest(Storage.at(film.output))["shot"].to_pylist() == ["s2"]
    save(tmp_path / "other/s1/f1.png", draw("ink"))
    assert main(replace(film, lines=str(tmp_path / "other"))) == 2
    assert "has no frames of s1, and there are no other drawings" in capsys.readouterr().err


def test_edited_paint_is_composed(film: Recolor, tmp_path: Path) -> None:
    """A palette that another program has changed counts, without a swap; so do palette files."""
    assert main(replace(film, film=FilmFlags(frames="3"))) == 0
    expected = Path(film.output, "frames/s1/f3.png").read_bytes()
    for name, colors in (("day", DAY), ("night", NIGHT)):
        lines = ["GIMP Palette", *("{} {} {}".format(*one) for one in colors)]
        (tmp_path / f"{name}.gpl").write_text("\n".join(lines))
    palettes = {
        "from_palette": str(tmp_path / "day.gpl"),
        "to_palette": str(tmp_path / "night.gpl"),
    }
    by_file = replace(film, output=str(tmp_path / "by_file"), swap=(), **palettes)
    assert main(replace(by_file, film=FilmFlags(frames="3"))) == 0
    assert (tmp_path / "by_file/frames/s1/f3.png").read_bytes() == expected
    path = tmp_path / "color_day/paint/s1/f3.png"
    with Image.open(path) as image:
        image.load()
    palette = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    swaps = dict(zip(DAY, NIGHT, strict=True))
    image.putpalette(bytes(v for one in palette.tolist() for v in swaps.get(tuple(one), one)))
    image.save(path)
    edited = replace(film, output=str(tmp_path / "edited"), swap=())
    assert main(replace(edited, film=FilmFlags(frames="3"))) == 0
    assert (tmp_path / "edited/frames/s1/f3.png").read_bytes() == expected


def test_wrong_flags_say_why(
    film: Recolor, tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is one sentence and status 2, and nothing is written."""
    day, short = tmp_path / "day.gpl", tmp_path / "short.gpl"
    day.write_text("GIMP Palette\n1 2 3\n4 5 6\n")
    short.write_text("GIMP Palette\n1 2 3\n")
    plain = tmp_path / "plain"
    command = Colorize(
        lines=str(tmp_path / "lines"),
        output=str(plain),
        weights=str(tiny_weights),
        network_size=64,
    )
    make(command)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"swap": ("red=blue",)}, "--swap 'red=blue' is no pair of colours; write '#aabbcc=#ddeef"),
        ({"swap": ("#010203=#000000", "#010203=#ffffff")}, "#010203 would become both #000000 and"),
        ({"from_palette": str(day)}, "--from and --to belong together"),
        ({"from_palette": str(day), "to_palette": str(short)}, "--from has 2 colours and --to 1"),
        ({"painted": str(tmp_path / "lines")}, "is no output of lineart colorize"),
        ({"painted": str(plain)}, "has paint beside it; run lineart colorize with --finish paint"),
        ({"painted": str(tmp_path / "none")}, "--film: there is no folder"),
        ({"from_palette": "none.gpl", "to_palette": str(day)}, "--from: there is no file"),
        ({"from_palette": str(day), "to_palette": "none.gpl"}, "--to: there is no file"),
        ({"output": f"{film.painted}/out"}, "and --film"),
        ({"lines": str(tmp_path / "none")}, "--lines: there is no folder"),
        ({"film": FilmFlags(precision="float32")}, "--precision is for networks"),
    ]
    for flags, sentence in wrong:
        assert main(replace(film, **flags)) == 2, flags
        assert sentence in capsys.readouterr().err
    assert not Path(film.output).exists()


def test_a_colour_that_no_frame_has_is_told(
    film: Recolor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A digit may be wrong; colours of a palette may be unused."""
    (tmp_path / "odd.gpl").write_text("GIMP Palette\n1 2 3\n")
    palettes = {"from_palette": str(tmp_path / "odd.gpl"), "to_palette": str(tmp_path / "odd.gpl")}
    assert main(replace(film, swap=(*film.swap, "#f0bea1=#000000"), **palettes)) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "has the colour" in line]
    assert told == ["recolor: no frame has the colour #f0bea1"]
    (tmp_path / "other.gpl").write_text("GIMP Palette\n3 2 1\n")
    swapped = palettes | {"to_palette": str(tmp_path / "other.gpl")}
    assert main(replace(film, **swapped)) == 0
    sentence = "recolor: no frame has a colour of --from; give the palette that the film has now"
    assert sentence in capsys.readouterr().err.splitlines()


def test_nothing_is_told_of_colours_where_no_paint_is_read(
    film: Recolor, capsys: pytest.CaptureFixture[str]
) -> None:
    """Frames whose paint cannot be read are not counted; without any other nothing is told."""
    odd = replace(film, swap=(*film.swap, "#f0bea1=#000000"))
    first, *others = sorted(Path(film.painted, "paint").rglob("*.png"))
    first.write_bytes(b"broken")
    assert main(odd) == 3
    said = f"none of {len(others)} frames that were searched has the colour #f0bea1"
    assert said in capsys.readouterr().err
    for paint in others:
        paint.unlink()
    main(odd)
    assert "has the colour" not in capsys.readouterr().err


def test_buckets(film: Recolor, bucket: Path) -> None:
    """From bucket to bucket the frames are the same as from folder to folder."""
    assert main(film) == 0
    day = Storage.at(f"s3://{bucket.name}/day")
    for path in filter(Path.is_file, Path(film.painted).rglob("*.*")):
        day.write(path.relative_to(film.painted).as_posix(), path.read_bytes())
    moved = replace(film, painted=day.uri, output=f"s3://{bucket.name}/night")
    assert main(moved) == 0
    assert pictures(bucket / "night") == pictures(Path(film.output))


def test_ray(film: Recolor, joined_ray: Head, tmp_path: Path) -> None:
    """On Ray the frames are the same as in this process."""
    assert joined_ray.address
    on_ray = replace(film, output=str(tmp_path / "ray"))
    assert main(on_ray) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS")
        assert main(film) == 0
    assert pictures(tmp_path / "ray") == pictures(Path(film.output)) != {}
