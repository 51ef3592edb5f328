"""Which layers the plug-in takes and changes, with stand-ins for GIMP and the program."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest

PLUGIN = Path(__file__).parents[2] / "lineart" / "gimp" / "plugin.py"
PIXEL = {"width": 1, "height": 1, "channels": 4}, b"\0" * 4


class Parasite:
    """Text of a layer."""

    def __init__(self, data: list[int]) -> None:
        self._data = data

    def get_data(self) -> list[int]:
        """Return the text."""
        return self._data


class Layer:
    """Layer or group of an image."""

    def __init__(self, name: str, *children: "Layer", shown: bool = True) -> None:
        self.name, self.shown, self.children, self.mode = name, shown, children, "normal"
        self.image: Any = None
        self.parent: Layer | None = None
        self.mark: Parasite | None = None
        for child in children:
            child.parent = self

    def __getattr__(self, name: str) -> Any:
        return MagicMock()

    def get_name(self) -> str:
        """Return the name."""
        return self.name

    def set_name(self, name: str) -> None:
        """Change the name."""
        self.name = name

    def get_visible(self) -> bool:
        """Return whether it is shown."""
        return self.shown

    def set_visible(self, shown: bool) -> None:
        """Show or hide it."""
        self.shown = shown

    def get_id(self) -> int:
        """Return its number."""
        return id(self)

    get_tattoo = get_id

    def is_group(self) -> bool:
        """Return whether it holds layers."""
        return bool(self.children)

    def get_children(self) -> tuple["Layer", ...]:
        """Return the layers in it."""
        return self.children

    def get_parent(self) -> "Layer | None":
        """Return the group that it is in."""
        return self.parent

    def get_image(self) -> "Image":
        """Return its image."""
        image: Image = self.image
        return image

    def get_mode(self) -> str:
        """Return its mode."""
        return self.mode

    def set_mode(self, mode: str) -> None:
        """Change its mode."""
        self.mode = mode

    def get_parasite(self, _name: str) -> Parasite | None:
        """Return its text."""
        return self.mark

    def attach_parasite(self, mark: Parasite) -> None:
        """Give it a text."""
        self.mark = mark


class Image:
    """Image with layers, from top to bottom."""

    def __init__(self, *layers: Layer) -> None:
        self.layers = list(layers)
        for layer in layers:
            for one in (layer, *layer.children):
                one.image = self

    def __getattr__(self, name: str) -> Any:
        return MagicMock()

    def get_layers(self) -> list[Layer]:
        """Return the layers."""
        return self.layers

    def get_item_position(self, layer: Layer) -> int:
        """Return the place of a layer."""
        return self.layers.index(layer)

    def insert_layer(self, layer: Layer, _parent: Layer | None, place: int) -> None:
        """Add a layer."""
        layer.image = self
        self.layers.insert(place, layer)

    def remove_layer(self, layer: Layer) -> None:
        """Remove a layer."""
        self.layers.remove(layer)

    def stack(self) -> list[str]:
        """Return the names of layers; those of hidden ones in brackets."""
        return [one.name if one.shown else f"({one.name})" for one in self.layers]


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Give the plug-in, with stand-ins for the modules of GIMP."""
    repository: Any = ModuleType("gi.repository")
    for name in ("Gegl", "Gimp", "GLib", "GObject"):
        setattr(repository, name, MagicMock())
    gimp = repository.Gimp
    gimp.directory.return_value = str(tmp_path)
    gimp.PlugIn, gimp.Layer = type("PlugIn", (), {"__gtype__": 0}), Layer
    gimp.LayerMode.NORMAL, gimp.LayerMode.MULTIPLY = "normal", "multiply"
    gimp.Parasite.new = lambda _name, _flags, data: Parasite(data)
    monkeypatch.setitem(sys.modules, "gi", MagicMock())
    monkeypatch.setitem(sys.modules, "gi.repository", repository)
    spec = importlib.util.spec_from_file_location("lineart_gimp_plugin", PLUGIN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def choose(plugin: Any, layers: list[Layer], chosen: str) -> tuple[str, list[str]]:
    """Return the names of drawing and hints that are taken if a layer is chosen."""
    found = [one for layer in layers for one in (layer, *layer.children) if one.name == chosen]
    drawing, hints = plugin.choose_layers(Image(*layers), found, None)
    return drawing.name, [one.name for one in hints]


def test_hidden_hints_count_only_if_all_are_hidden(plugin: Any) -> None:
    """Visible ones count together; of a group with that name, what it shows."""
    old, ink = Layer("hints old", shown=False), Layer("Ink")
    assert choose(plugin, [old, Layer("hints"), ink], "Ink") == ("Ink", ["hints"])
    assert choose(plugin, [old, Layer("hint 2", shown=False), ink], "Ink")[1] == [
        "hints old",
        "hint 2",
    ]
    two = [Layer("hints A"), Layer("hints B"), ink]
    assert choose(plugin, two, "Ink")[1] == ["hints A", "hints B"]
    group = Layer("hints", Layer("hint eyes"), Layer("hair"))
    hidden = Layer("Old", Layer("hints 1"), shown=False)
    assert choose(plugin, [hidden, group, ink], "Ink")[1] == ["hints"]
    assert choose(plugin, [ink], "Ink")[1] == []


def test_the_drawing_below_chosen_hints_is_visible(plugin: Any) -> None:
    """Hidden layers between them do not count; a drawing in whose place its lines are, does."""
    sketch, ink, paper = Layer("Sketch", shown=False), Layer("Ink"), Layer("Paper")
    a, b = Layer("hints A"), Layer("hints B")
    assert choose(plugin, [a, sketch, ink, paper], "hints A") == ("Ink", ["hints A"])
    assert choose(plugin, [a, sketch], "hints A")[0] == "Sketch"
    # Hints of another drawing are those of another.
    other = [a, ink, b, Layer("Ink 2")]
    assert choose(plugin, other, "hints A") == ("Ink", ["hints A"])
    assert choose(plugin, other, "hints B") == ("Ink 2", ["hints B"])
    assert choose(plugin, [a, sketch, b, ink], "hints B") == ("Ink", ["hints A", "hints B"])
    lines = Layer("Lines")
    lines.mark, ink.shown = Parasite(list(f"lines {ink.get_tattoo()}".encode())), False
    assert choose(plugin, [a, lines, ink, paper], "hints A") == ("Ink", ["hints A"])


def run(plugin: Any, image: Image, drawing: Layer, result: str) -> list[str]:
    """Colour with a setting of the result; return the names of the pictures that were sent."""
    sent: list[str] = []
    pictures = {"color": PIXEL} | ({"lines": PIXEL} if result == "separate" else {})

    def ask(_fields: Any, parts: list[str]) -> Any:
        sent.extend(parts)
        return {"is_opaque": True, "warnings": []}, pictures

    plugin.read_settings = lambda: plugin.DEFAULTS | {"result": result}
    plugin.read_layer = lambda name, layer: [f"{name}={layer.name}"]
    plugin.make_layer = lambda _image, name, _picture: Layer(name)
    plugin.ask = ask
    config = MagicMock()
    config.get_property.return_value = None
    plugin.color(image, [drawing], config, by_key=False)
    return sent


def test_hints_are_sent_from_bottom_to_top(plugin: Any) -> None:
    """Each as a picture of its own, which the program lays on those before it."""
    ink = Layer("Ink")
    image = Image(Layer("hints A"), Layer("hints B"), ink)
    assert run(plugin, image, ink, "below") == ["line=Ink", "hint=hints B", "hint2=hints A"]


def test_the_drawing_comes_back_after_layers_of_their_own(plugin: Any) -> None:
    """The plug-in's lines go; those with another name stay, and what the artist has hidden."""
    ink = Layer("Ink")
    image = Image(Layer("hints"), ink)
    run(plugin, image, ink, "separate")
    assert image.stack() == ["hints", "Lines", "(Ink)", "Colour"]
    run(plugin, image, ink, "separate")
    assert image.stack() == ["hints", "Lines", "(Ink)", "Colour"]
    run(plugin, image, ink, "below")
    assert image.stack() == ["hints", "Ink", "Colour"]
    assert ink.mode == "multiply"
    ink.set_visible(False)
    run(plugin, image, ink, "below")
    assert image.stack() == ["hints", "(Ink)", "Colour"]
    run(plugin, image, ink, "separate")
    image.layers[1].name = "My lines"
    run(plugin, image, ink, "below")
    assert image.stack() == ["hints", "My lines", "(Ink)", "Colour"]
