import json
from pathlib import Path

import cv2
import numpy as np

from lineart.datasets.sources import group, is_held_out, read_split

FREE = ("lineart_pairs/open_doodles/color/{}.webp", "CC0-1.0")
CLOSED = ("illustrations/potter/{}.webp", "CC-BY-SA-4.0")


def write_data(root: Path) -> None:
    """Write twelve free pairs and twelve share-alike pictures."""
    rows = ["file,licence"]
    for number in range(12):
        for pattern, licence in (FREE, CLOSED):
            name = pattern.format(f"d{number}x")
            rows.append(f"{name},{licence}")
            for path in (name, name.replace("/color/", "/line/").replace(".webp", ".png")):
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(root / path), np.full((120, 130, 3), 200, np.uint8))
    (root / "provenance.csv").write_text("\n".join(rows))
    panels = root / "illustrations/peppercarrot/panels.json"
    panels.parent.mkdir(parents=True)
    panels.write_text(json.dumps({}))


def test_only_free_pictures_are_read(tmp_path: Path) -> None:
    """Share-alike pictures are left out; pairs come with their lines; shares add up."""
    write_data(tmp_path)
    split = read_split(tmp_path)
    pictures = split.training + split.validation
    assert len(pictures) == 12
    assert all(p.name.startswith("lineart_pairs/") and p.line is not None for p in pictures)
    assert abs(sum(p.weight for p in split.training) - 0.02) < 1e-9


def test_the_same_thing_stands_on_one_side() -> None:
    """Expressions of a character and crops of a scene share their group, and so their side."""
    assert group("a/hina__normal.webp#0") == group("a/hina_variant_defeated__serious.webp#0")
    assert group("s/GA51_0.webp#0") == group("s/GA51_1.webp#0")
    assert group("s/GA51_0.webp#0") != group("s/GB51_0.webp#0")
    assert is_held_out("illustrations/peppercarrot/E05P02.webp#3")
    assert not is_held_out("illustrations/peppercarrot/E06P02.webp#3")
