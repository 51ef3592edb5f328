#!/usr/bin/env python3
"""Plug-in for GIMP 3: colours a drawing by hints or by a coloured drawing, draws a photograph.

It is one file for the Python of GIMP, which has `gi` and the standard library alone. It asks the
program `lineart serve`, which it starts, and which stays for the next picture; the messages are
those of `lineart.service.protocol`. `lineart gimp-plugin install` puts it where GIMP looks.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, GLib, GObject  # noqa: E402 - after the versions

PROTOCOL = 1
START_S = 60.0
"""Seconds within which the program has to answer; imports take 2 to 20."""
PULSE_S = 0.1
INSTALL = (
    "Install it with `uv tool install lineart` or `pip install lineart`, then run "
    "`lineart gimp-plugin install`, or give its path in Filters > Line art > Settings"
)
IN_FLATPAK = Path("/.flatpak-info").exists()
FOLDER = (
    # What is outside of flatpak sees GIMP's folder under another path, and this one under its own.
    Path.home() / ".cache" / "lineart-gimp" if IN_FLATPAK else Path(Gimp.directory()) / "lineart"
)
"""Settings of the plug-in, and port, token and log of the program."""
ANNOUNCED, LOG, STARTING = FOLDER / "server.json", FOLDER / "server.log", FOLDER / "starting"
MARK = "lineart-result"
"""Parasite of the layers that the plug-in makes: what it is, and the tattoo of its drawing."""
OF_GIMP = ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "GI_TYPELIB_PATH")
"""Variables by which a bundled GIMP finds its own libraries; another Python fails with them."""
RGBA, GRAY = "R'G'B'A u8", "Y' u8"
NORMAL = (Gimp.LayerMode.NORMAL, Gimp.LayerMode.NORMAL_LEGACY)
DEFAULTS = {
    "program": "",
    "weights": "default",
    "drawing-weights": "drawing",
    "finish": "soft",
    "gap": "8",
    "palette": "",
    "result": "below",
}


class Refused(Exception):  # noqa: N818 - a sentence for the artist, not a fault
    """Nothing was changed; the sentence says why and what to do."""


# The program.


def read_settings() -> dict[str, str]:
    """Return the settings; the default ones if there are none."""
    try:
        given = json.loads((FOLDER / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        given = {}
    return {name: str(given.get(name, default)) for name, default in DEFAULTS.items()}


def find_program() -> list[str]:
    """Return the command that starts lineart: from the settings, the installation, or the path."""
    chosen = read_settings()["program"]
    if chosen:
        return [chosen]
    if os.environ.get("LINEART_PROGRAM"):
        return shlex.split(os.environ["LINEART_PROGRAM"])
    with suppress(OSError, ValueError):
        installed = Path(__file__).with_name("program.json").read_text(encoding="utf-8")
        return [str(word) for word in json.loads(installed)]
    usual = Path.home() / ".local" / "bin" / "lineart"
    return [shutil.which("lineart") or str(usual)]


def start_program() -> subprocess.Popen[bytes]:
    """Start the program, which outlives this process."""
    command = [*find_program(), "serve", "--announce", str(ANNOUNCED)]
    command += ["--weights", read_settings()["weights"]]
    if IN_FLATPAK:
        command = ["flatpak-spawn", "--host", *command]
    environment = {name: text for name, text in os.environ.items() if name not in OF_GIMP}
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        with LOG.open("wb") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                **apart,
            )
    except OSError as error:
        raise Refused(f"The program {command[0]} does not start: {error}. {INSTALL}.") from error


def last_words() -> str:
    """Return the last line of the program's log."""
    with suppress(OSError):
        lines = LOG.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
    return "it has no log"


def connect() -> tuple[socket.socket, str]:
    """Return a connection to the running program, and its token; raises OSError or ValueError."""
    said = json.loads(ANNOUNCED.read_text(encoding="utf-8"))
    connection = socket.create_connection(("127.0.0.1", int(said["port"])), timeout=5)
    connection.settimeout(PULSE_S)
    return connection, str(said["token"])


def open_program() -> tuple[socket.socket, str]:
    """Return a connection to the program, which is started if it does not run."""
    with suppress(OSError, ValueError, KeyError):
        return connect()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not claim_start():
        return wait_for(None)
    try:
        ANNOUNCED.unlink(missing_ok=True)
        return wait_for(start_program())
    finally:
        with suppress(OSError):
            STARTING.rmdir()


def claim_start() -> bool:
    """Return whether this process starts the program; others wait for the one that does."""
    for _ in range(2):
        with suppress(FileExistsError):
            STARTING.mkdir()
            return True
        with suppress(OSError):
            if time.time() - STARTING.stat().st_mtime < START_S:
                return False
            STARTING.rmdir()
    return False


def wait_for(started: subprocess.Popen[bytes] | None) -> tuple[socket.socket, str]:
    """Wait until the program answers."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with suppress(OSError, ValueError, KeyError):
            return connect()
        if started is not None and started.poll() is not None:
            raise Refused(f"The program lineart ended: {last_words()}. {INSTALL}.")
        Gimp.progress_pulse()
        time.sleep(PULSE_S)
    raise Refused(f"The program lineart does not answer: {last_words()}.")


def ask(fields: dict[str, Any], parts: list[tuple[dict[str, Any], bytes]]) -> Any:
    """Ask the program; return the fields and the pictures of its answer.

    A program that has ended is started once more.
    """
    for attempt in (1, 2):
        connection, token = open_program()
        try:
            with connection, connection.makefile("wb") as target:
                heads = [head for head, _ in parts]
                asked = {"lineart": PROTOCOL, "token": token, **fields, "parts": heads}
                # Large pictures take longer to send than a pulse.
                connection.settimeout(None)
                for data in (json.dumps(asked).encode() + b"\n", *(data for _, data in parts)):
                    target.write(data)
                target.flush()
                connection.settimeout(PULSE_S)
                return read_answer(Stream(connection))
        except (OSError, EOFError, ValueError) as error:
            ANNOUNCED.unlink(missing_ok=True)
            if attempt == 2:
                said = f"The program lineart broke off ({error}): {last_words()}."
                raise Refused(said) from error
    return None


class Stream:
    """Reads from a connection, and moves the progress bar while nothing comes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._buffer = connection, bytearray()

    def _receive(self) -> None:
        while True:
            try:
                data = self._connection.recv(1 << 20)
            except TimeoutError:
                Gimp.progress_pulse()
                continue
            if not data:
                raise EOFError("the connection ended")
            self._buffer += data
            return

    def read(self, count: int) -> bytes:
        """Read so many bytes."""
        while len(self._buffer) < count:
            self._receive()
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def read_line(self) -> bytes:
        """Read up to the next line feed."""
        while b"\n" not in self._buffer:
            self._receive()
        return self.read(self._buffer.index(b"\n") + 1)


def read_answer(stream: Stream) -> tuple[dict[str, Any], dict[str, tuple[dict[str, Any], bytes]]]:
    """Read the answer; sentences before it go to the progress bar."""
    while True:
        fields = json.loads(stream.read_line())
        pictures = {}
        for head in fields.pop("parts", []):
            size = head["width"] * head["height"] * head["channels"]
            pictures[head["name"]] = (head, stream.read(size))
        if fields["status"] == "error":
            raise Refused(str(fields["sentence"]))
        if fields["status"] == "done":
            return fields, pictures
        Gimp.progress_set_text(f"lineart: {fields['sentence']}")


# Layers.


def read_layer(name: str, layer: Gimp.Drawable) -> list[tuple[dict[str, Any], bytes]]:
    """Return the pixels of a layer, and of its mask, as parts of a message."""
    image = layer.get_image()
    canvas = [image.get_width(), image.get_height()]
    _, left, top = layer.get_offsets()
    parts = [(name, layer, RGBA, 4)]
    mask = layer.get_mask() if isinstance(layer, Gimp.Layer) else None
    if mask is not None and layer.get_apply_mask():
        parts.append((f"{name}_mask", mask, GRAY, 1))
    read = []
    for part, drawable, pixels, channels in parts:
        width, height = drawable.get_width(), drawable.get_height()
        whole = Gegl.Rectangle.new(0, 0, width, height)
        data = drawable.get_buffer().get(whole, 1.0, pixels, Gegl.AbyssPolicy.NONE)
        head = {"name": part, "width": width, "height": height, "channels": channels}
        read.append(({**head, "left": left, "top": top, "canvas": canvas}, bytes(data)))
    return read


def make_layer(image: Gimp.Image, name: str, picture: tuple[dict[str, Any], bytes]) -> Gimp.Layer:
    """Make a layer of a picture; it is in no image yet."""
    head, data = picture
    width, height = head["width"], head["height"]
    layer = Gimp.Layer.new(
        image, name, width, height, Gimp.ImageType.RGBA_IMAGE, 100.0, Gimp.LayerMode.NORMAL
    )
    buffer = layer.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, width, height), RGBA, data)
    buffer.flush()
    layer.update(0, 0, width, height)
    return layer


def mark_of(layer: Gimp.Item) -> str:
    """Return what a layer of the plug-in's is; empty if it is none."""
    parasite = layer.get_parasite(MARK)
    return bytes(parasite.get_data()).decode(errors="replace") if parasite else ""


def siblings(layer: Gimp.Item) -> list[Gimp.Layer]:
    """Return the layers of the group or image that a layer is in, from top to bottom."""
    parent = layer.get_parent()
    return list(parent.get_children() if parent else layer.get_image().get_layers())


def find_made(name: str, drawing: Gimp.Layer, *, mark: str) -> Gimp.Layer | None:
    """Return the last result of a kind beside a drawing, if it has its name yet."""
    mark = f"{mark} {drawing.get_tattoo()}"
    made = [one for one in siblings(drawing) if mark_of(one) == mark]
    return next((one for one in made if one.get_name().split(" #")[0] == name), None)


def put_drawing_back(drawing: Gimp.Layer) -> None:
    """Show a drawing in whose place the plug-in has put its lines, and remove these."""
    lines = find_made("Lines", drawing, mark="lines")
    if lines is not None:
        drawing.get_image().remove_layer(lines)
        drawing.set_visible(True)


def put_layer(layer: Gimp.Layer, drawing: Gimp.Layer, *, mark: str, below: int) -> None:
    """Put a result below (1) or above (0) a drawing, in the place of the last one of its kind.

    What the artist has changed of the last one's opacity, mode and visibility stays. A layer that
    the artist has given another name stays, too.
    """
    image, name = drawing.get_image(), layer.get_name()
    last, mark = find_made(name, drawing, mark=mark), f"{mark} {drawing.get_tattoo()}"
    place = image.get_item_position(last or drawing) + (0 if last else below)
    image.insert_layer(layer, drawing.get_parent(), place)
    flags = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE
    layer.attach_parasite(Gimp.Parasite.new(MARK, flags, list(mark.encode())))
    if last is not None:
        layer.set_opacity(last.get_opacity())
        layer.set_mode(last.get_mode())
        layer.set_visible(last.get_visible())
        image.remove_layer(last)
        layer.set_name(name)


@contextmanager
def one_undo(image: Gimp.Image) -> Iterator[None]:
    """Make the changes of the block one step of undo, and leave the chosen layers chosen."""
    chosen = image.get_selected_layers()
    image.undo_group_start()
    try:
        if image.get_base_type() != Gimp.ImageBaseType.RGB:
            image.convert_rgb()
        yield
        image.set_selected_layers(chosen)
    finally:
        image.undo_group_end()
        Gimp.displays_flush()


def is_hints(layer: Gimp.Item) -> bool:
    """Return whether a layer has hints, by a word in its name, which "Hintergrund" is not."""
    return re.search(r"(?<![a-z])hints?(?![a-z])", layer.get_name().lower()) is not None


def is_shown(layer: Gimp.Item | None) -> bool:
    """Return whether a layer and the groups that it is in are visible."""
    return layer is None or (layer.get_visible() and is_shown(layer.get_parent()))


def is_replaced(drawing: Gimp.Layer) -> bool:
    """Return whether the plug-in's lines are shown in the place of a drawing."""
    return f"lines {drawing.get_tattoo()}" in map(mark_of, siblings(drawing))


def find_hints(layers: list[Gimp.Layer]) -> Iterator[Gimp.Layer]:
    """Yield the layers with hints, from top to bottom; of a group with that name, the group."""
    for layer in layers:
        if is_hints(layer):
            yield layer
        elif layer.is_group():
            yield from find_hints(list(layer.get_children()))


def find_under(hints: Gimp.Layer) -> Gimp.Layer:
    """Return the drawing below hints: a visible layer, or a hidden one if there is no other."""
    stack = siblings(hints)
    ids = [one.get_id() for one in stack]
    under = stack[ids.index(hints.get_id()) + 1 :]
    found = [one for one in under if not mark_of(one) and not is_hints(one)]
    if not found:
        raise Refused("There is no drawing below the hints; choose the layer of the drawing.")
    return next((one for one in found if one.get_visible() or is_replaced(one)), found[0])


def hints_beside(chosen: Gimp.Layer) -> list[Gimp.Layer]:
    """Return the chosen hints, with the visible ones next to them, from top to bottom."""
    number = chosen.get_id()
    stack = [
        one
        for one in siblings(chosen)
        if one.get_id() == number or (one.get_visible() and not mark_of(one))
    ]
    runs = [list(run) for are_hints, run in groupby(stack, is_hints) if are_hints]
    return next(run for run in runs if number in [one.get_id() for one in run])


def choose_layers(
    image: Gimp.Image, chosen: list[Gimp.Drawable], hints: Gimp.Drawable | None
) -> tuple[Gimp.Layer, list[Gimp.Drawable]]:
    """Return the drawing and the hints, from top to bottom: those given, or by names.

    Hidden hints count only if all are hidden. If hints are chosen, as while an artist paints them,
    the drawing is the layer below them, and other hints count only next to them.
    """
    layers = [one for one in chosen if isinstance(one, Gimp.Layer)]
    if len(layers) != 1:
        raise Refused(f"Choose the layer of the drawing: one layer, and not {len(chosen)}.")
    drawing, found = layers[0], [] if hints is None else [hints]
    if is_hints(drawing):
        found, drawing = found or hints_beside(drawing), find_under(drawing)
    if mark_of(drawing):
        raise Refused("This layer was made by lineart; choose the layer of the drawing.")
    if not found:
        named = list(find_hints(image.get_layers()))
        found = list(filter(is_shown, named)) or named
    return drawing, found


# Commands.


def color(image: Gimp.Image, chosen: list[Gimp.Drawable], config: Any, *, by_key: bool) -> None:
    """Colour the chosen drawing by the hints of its image, and by a key."""
    settings = read_settings()
    drawing, hints = choose_layers(image, chosen, config.get_property("hints"))
    asked: dict[str, Any] = {
        "command": "color",
        "weights": settings["weights"],
        "finish": settings["finish"],
        "gap": float(settings["gap"]),
    }
    if settings["palette"] and settings["finish"] == "paint":
        asked["palette"] = settings["palette"]
    asked["lines"] = settings["result"] == "separate"
    parts = read_layer("line", drawing)
    for number, layer in enumerate(reversed(hints), 1):
        parts += read_layer("hint" if number == 1 else f"hint{number}", layer)
    parts += read_key(config, asked) if by_key else []
    fields, pictures = ask(asked, parts)
    with one_undo(image):
        put_layer(make_layer(image, "Colour", pictures["color"]), drawing, mark="color", below=1)
        if "lines" in pictures:
            lines = make_layer(image, "Lines", pictures["lines"])
            put_layer(lines, drawing, mark="lines", below=0)
            drawing.set_visible(False)
        else:
            put_drawing_back(drawing)
            if fields["is_opaque"] and drawing.get_mode() in NORMAL:
                drawing.set_mode(Gimp.LayerMode.MULTIPLY)
    for warning in fields["warnings"]:
        Gimp.message(f"lineart: {warning}")


def read_key(config: Any, asked: dict[str, Any]) -> list[tuple[dict[str, Any], bytes]]:
    """Return the layers of the key as parts, and set its files in the request."""
    parts = []
    for name, argument in (("key", "key"), ("key_line", "key-drawing")):
        layer, file = (config.get_property(f"{argument}{kind}") for kind in ("", "-file"))
        if layer is not None:
            parts += read_layer(name, layer)
        elif file is not None:
            asked[f"{name}_file"] = file.get_path() or file.get_uri()
    if not any(head["name"] == "key" for head, _ in parts) and "key_file" not in asked:
        raise Refused("Give the coloured drawing, a layer or a file, whose colours to take.")
    return parts


def translate(image: Gimp.Image, chosen: list[Gimp.Drawable]) -> None:
    """Draw the chosen photograph, as a layer above it."""
    layers = [one for one in chosen if isinstance(one, Gimp.Layer)]
    if len(layers) != 1:
        raise Refused(f"Choose the layer of the photograph: one layer, and not {len(chosen)}.")
    photo, weights = layers[0], read_settings()["drawing-weights"]
    parts = [(dict(head), data) for head, data in read_layer("photo", photo)]
    for head, _ in parts:
        head.update(left=0, top=0, canvas=None)
    _, pictures = ask({"command": "translate", "weights": weights}, parts)
    with one_undo(image):
        layer = make_layer(image, "Drawing", pictures["picture"])
        image.insert_layer(layer, photo.get_parent(), image.get_item_position(photo))
        _, left, top = photo.get_offsets()
        layer.set_offsets(left, top)


def save_settings(config: Any) -> None:
    """Write the settings of the dialog."""
    given = {name: str(config.get_property(name)) for name in DEFAULTS if name != "palette"}
    file = config.get_property("palette")
    given["palette"] = (file.get_path() or "") if file else ""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "settings.json").write_text(json.dumps(given, indent=2), encoding="utf-8")


def show_dialog(procedure: Gimp.Procedure, config: Any, arguments: list[str]) -> bool:
    """Show the dialog of a command with some of its arguments; return whether it went on."""
    gi.require_version("GimpUi", "3.0")
    from gi.repository import GimpUi

    GimpUi.init("lineart")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, None)
    dialog.fill(arguments)
    went_on = bool(dialog.run())
    dialog.destroy()
    return went_on


COMMANDS = {
    "lineart-color-hints": ("Colour with _hints", "Colour a drawing by the dots of a hint layer"),
    "lineart-color-key": ("Colour from _key...", "Colour a drawing as another one is coloured"),
    "lineart-translate": ("_Draw a photograph", "Turn a photograph into a line drawing"),
    "lineart-settings": ("_Settings...", "Choose program, weights, finish, gap and palette"),
}
"""Name of a command -> its entry in the menu, and what it does."""
KEY_ARGUMENTS = ["key", "key-file", "key-drawing", "key-drawing-file", "hints"]
"""Arguments of a key, in the order of the dialog."""
ARGUMENTS = GObject.ParamFlags.READWRITE


class Lineart(Gimp.PlugIn):
    """The commands in Filters > Line art."""

    def do_set_i18n(self, _name: str) -> bool:
        """There are no translations."""
        return False

    def do_query_procedures(self) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        """Describe a command."""
        kind = Gimp.PDBProcType.PLUGIN
        if name == "lineart-settings":
            procedure = Gimp.Procedure.new(self, name, kind, self.run_settings, None)
            add_settings(procedure)
        else:
            procedure = Gimp.ImageProcedure.new(self, name, kind, self.run_image, None)
            procedure.set_image_types("*")
            every = Gimp.ProcedureSensitivityMask
            procedure.set_sensitivity_mask(every.DRAWABLE | every.DRAWABLES)
        if "color" in name:
            add_layer(procedure, "hints", "_Hints", "Dots of colour; default: the layer 'hints'")
        if name == "lineart-color-key":
            add_key(procedure)
        label, does = COMMANDS[name]
        procedure.set_menu_label(label)
        procedure.set_documentation(does, does, name)
        procedure.set_attribution("lineart", "Apache-2.0", "2026")
        procedure.add_menu_path("<Image>/Filters/Line art")
        return procedure

    def run_settings(self, procedure: Gimp.Procedure, config: Any, _data: object) -> Any:
        """Change the settings; there is a dialog unless a script gives them."""
        is_script = config.get_property("run-mode") == Gimp.RunMode.NONINTERACTIVE
        if not is_script and not show_dialog(procedure, config, list(DEFAULTS)):
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
        save_settings(config)
        return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)

    def run_image(
        self,
        procedure: Gimp.Procedure,
        mode: Gimp.RunMode,
        image: Gimp.Image,
        chosen: list[Gimp.Drawable],
        config: Any,
        _data: object,
    ) -> Any:
        """Run a command on an image."""
        name = procedure.get_name()
        asks = name == "lineart-color-key" and mode == Gimp.RunMode.INTERACTIVE
        if asks and not show_dialog(procedure, config, KEY_ARGUMENTS):
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
        Gimp.progress_init("lineart")
        try:
            if name == "lineart-translate":
                translate(image, chosen)
            else:
                color(image, chosen, config, by_key=name == "lineart-color-key")
        except Refused as refused:
            failed = Gimp.PDBStatusType.EXECUTION_ERROR
            return procedure.new_return_values(failed, GLib.Error(str(refused)))
        return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)


def add_layer(procedure: Gimp.Procedure, name: str, label: str, says: str) -> None:
    """Add an argument that is a layer, or none."""
    procedure.add_drawable_argument(name, label, says, True, ARGUMENTS)


def add_key(procedure: Gimp.Procedure) -> None:
    """Add the arguments of a key."""
    opens = Gimp.FileChooserAction.OPEN
    for name, label, says in (
        ("key", "_Coloured drawing", "A layer whose colours to take"),
        ("key-drawing", "Its _lines", "Its line drawing; without one, lines are found in it"),
    ):
        add_layer(procedure, name, label, says)
        procedure.add_file_argument(
            f"{name}-file", f"{label}, a file", says, opens, True, None, ARGUMENTS
        )


def add_settings(procedure: Gimp.Procedure) -> None:
    """Add the arguments of the settings."""
    procedure.add_enum_argument(
        "run-mode", "Run mode", "", Gimp.RunMode.__gtype__, Gimp.RunMode.NONINTERACTIVE, ARGUMENTS
    )
    for name, label, says in (
        ("weights", "_Weights", "An included name, a folder, or an ONNX file"),
        ("drawing-weights", "Weights of _photographs", "The same, for photographs"),
        ("program", "_Program", "Path of lineart; empty: where it was installed"),
    ):
        procedure.add_string_argument(name, label, says, DEFAULTS[name], ARGUMENTS)
    for name, label, choices in (
        ("finish", "_Finish", {"soft": "Soft colours", "paint": "One colour a region"}),
        ("result", "_Result", {"below": "Below the drawing", "separate": "Colours and lines"}),
    ):
        choice = Gimp.Choice.new()
        for number, (value, shown) in enumerate(choices.items()):
            choice.add(value, number, shown, "")
        procedure.add_choice_argument(name, label, "", choice, DEFAULTS[name], ARGUMENTS)
    procedure.add_double_argument(
        "gap",
        "Largest _gap in lines",
        "What is closed, in pixels of a drawing with 1080 lines; 0 closes none",
        0.0,
        64.0,
        float(DEFAULTS["gap"]),
        ARGUMENTS,
    )
    procedure.add_file_argument(
        "palette",
        "_Palette",
        "Its colours alone appear, with one colour a region",
        Gimp.FileChooserAction.OPEN,
        True,
        None,
        ARGUMENTS,
    )


Gimp.main(Lineart.__gtype__, sys.argv)
