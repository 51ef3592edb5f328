"""What is done inside GIMP, by its own Python; each scene prints a line of JSON."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from gi.repository import Gegl, Gimp, Gio

WHITE, BLACK, RED, BLUE = "ffffffff", "000000ff", "c81e3cff", "1e3cc8ff"
RGBA = "R'G'B'A u8"
FOLDER = Path(Gimp.directory()) / "lineart"


def paint(layer, *boxes):
    """Paint boxes (left, top, right, bottom, colour) on a layer, in its own pixels."""
    buffer = layer.get_buffer()
    for left, top, right, bottom, color in boxes:
        area = Gegl.Rectangle.new(left, top, right - left, bottom - top)
        buffer.set(area, RGBA, bytes.fromhex(color) * (area.width * area.height))
    buffer.flush()
    layer.update(0, 0, layer.get_width(), layer.get_height())


def add(image, name, size, place=(0, 0), parent=None, boxes=()):
    """Add a layer on top."""
    width, height = size
    kind = {
        Gimp.ImageBaseType.RGB: Gimp.ImageType.RGBA_IMAGE,
        Gimp.ImageBaseType.GRAY: Gimp.ImageType.GRAYA_IMAGE,
    }[image.get_base_type()]
    layer = Gimp.Layer.new(image, name, width, height, kind, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, parent, 0)
    layer.set_offsets(*place)
    paint(layer, *boxes)
    return layer


def frame(left, top, right, bottom):
    """Return the boxes of a rectangle of lines."""
    return [
        (left, top, right, top + 3, BLACK),
        (left, bottom - 3, right, bottom, BLACK),
        (left, top, left + 3, bottom, BLACK),
        (right - 3, top, right, bottom, BLACK),
    ]


def make(kind=Gimp.ImageBaseType.RGB, size=(160, 90)):
    """Return an image with a drawing of two frames and a hint in each."""
    image = Gimp.Image.new(*size, kind)
    paper = (0, 0, *size, WHITE)
    drawing = add(
        image, "Ink", size, boxes=[paper, *frame(10, 10, 70, 80), *frame(90, 10, 150, 80)]
    )
    hints = add(image, "My hints", size, boxes=[(30, 40, 40, 50, RED), (110, 40, 120, 50, BLUE)])
    return image, drawing, hints


def run(name, image, drawables, **given):
    """Run a command; return its sentence if it fails, else an empty text."""
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    if image is not None:
        config.set_property("image", image)
        config.set_core_object_array("drawables", drawables)
    for argument, value in given.items():
        config.set_property(argument.replace("_", "-"), value)
    result = procedure.run(config)
    done = result.index(0) == Gimp.PDBStatusType.SUCCESS
    return "" if done else Gimp.get_pdb().get_last_error()


def color_at(layer, left, top):
    """Return the colour of a pixel of a layer, in the image's coordinates."""
    _, x, y = layer.get_offsets()
    area = Gegl.Rectangle.new(left - x, top - y, 1, 1)
    return bytes(layer.get_buffer().get(area, 1.0, RGBA, Gegl.AbyssPolicy.NONE)).hex()


def stack(layers):
    """Return name, size, place, mode and visibility of layers, top first; groups as lists."""
    told = []
    for layer in layers:
        if layer.is_group():
            told.append([layer.get_name(), *stack(layer.get_children())])
            continue
        _, left, top = layer.get_offsets()
        mode = layer.get_mode().value_nick
        size = f"{layer.get_width()}x{layer.get_height()}+{left}+{top}"
        told.append(f"{layer.get_name()} {size} {mode}{'' if layer.get_visible() else ' hidden'}")
    return told


def named(image, name):
    """Return the layer of a name."""
    return image.get_layer_by_name(name)


def tell(scene, **facts):
    """Print the facts of a scene."""
    print("SCENE " + json.dumps({"scene": scene, **facts}), flush=True)


def hints_again():
    """Colour by hints, change a hint and colour again, from the layer of the hints."""
    image, drawing, hints = make()
    started = time.monotonic()
    error = run("lineart-color-hints", image, [drawing])
    first_s = time.monotonic() - started
    before = stack(image.get_layers())
    first = color_at(named(image, "Colour"), 20, 20)
    named(image, "Colour").set_opacity(50)
    paint(hints, (30, 40, 40, 50, BLUE))
    image.set_selected_layers([hints])
    started = time.monotonic()
    error += run("lineart-color-hints", image, [hints])
    next_s = time.monotonic() - started
    again = color_at(named(image, "Colour"), 20, 20)
    chosen = [layer.get_name() for layer in image.get_selected_layers()]
    opacity = named(image, "Colour").get_opacity()
    after = stack(image.get_layers())
    named(image, "Colour").set_name("kept")
    error += run("lineart-color-hints", image, [drawing])
    kept = stack(image.get_layers())
    boxes = [(0, 0, 160, 90, WHITE), *frame(10, 10, 150, 80)]
    other = add(image, "Other", (160, 90), boxes=boxes)
    error += run("lineart-color-hints", image, [other])
    both = [layer.get_name() for layer in image.get_layers()]
    tell("hints_again", error=error, before=before, first=first, again=again, chosen=chosen,
         opacity=opacity, after=after, kept=kept, both=both, seconds=[first_s, next_s])  # fmt: skip


def placed_in_a_group():
    """A drawing that is smaller than the image, in a group, with its hints elsewhere."""
    image = Gimp.Image.new(200, 120, Gimp.ImageBaseType.RGB)
    add(image, "Background", (200, 120), boxes=[(0, 0, 200, 120, WHITE)])
    group = Gimp.GroupLayer.new(image, "Character")
    image.insert_layer(group, None, 0)
    boxes = [(0, 0, 100, 80, WHITE), *frame(10, 10, 90, 70)]
    drawing = add(image, "Ink", (100, 80), (60, 20), group, boxes)
    hints = add(image, "dots", (20, 20), (100, 50), None, [(5, 5, 15, 15, RED)])
    error = run("lineart-color-hints", image, [drawing], hints=hints)
    made = next(one for one in group.get_children() if one.get_name() == "Colour")
    inside = [color_at(made, x, y) for x, y in ((80, 40), (74, 34), (145, 85))]
    tell("placed_in_a_group", error=error, stack=stack(image.get_layers()), inside=inside)


def kinds_of_images():
    """Grey images and images of 16 bits and of linear light become coloured alike."""
    facts = {}
    for name, kind, precision in (
        ("grey", Gimp.ImageBaseType.GRAY, None),
        ("u16", Gimp.ImageBaseType.RGB, Gimp.Precision.U16_NON_LINEAR),
        ("float", Gimp.ImageBaseType.RGB, Gimp.Precision.FLOAT_LINEAR),
    ):
        image, drawing, hints = make(kind)
        if kind == Gimp.ImageBaseType.GRAY:
            image.remove_layer(hints)
        if precision is not None:
            image.convert_precision(precision)
        error = run("lineart-color-hints", image, [drawing])
        is_rgb = image.get_base_type() == Gimp.ImageBaseType.RGB
        facts[name] = [error, is_rgb, color_at(named(image, "Colour"), 20, 20)]
    tell("kinds_of_images", **facts)


def transparent_and_separate():
    """Lines without paper stay as they are; as layers of their own, the drawing is hidden."""
    image = Gimp.Image.new(160, 90, Gimp.ImageBaseType.RGB)
    drawing = add(image, "Ink", (160, 90), boxes=frame(10, 10, 150, 80))
    add(image, "hints", (160, 90), boxes=[(30, 40, 40, 50, RED)])
    error = run("lineart-color-hints", image, [drawing])
    facts = {"below": stack(image.get_layers())}
    facts["pixels"] = [color_at(named(image, "Colour"), x, y) for x, y in ((80, 45), (3, 3))]
    error += run("lineart-settings", None, [], result="separate", finish="paint")
    error += run("lineart-color-hints", image, [drawing])
    error += run("lineart-color-hints", image, [drawing])
    facts["separate"] = stack(image.get_layers())
    lines = named(image, "Lines")
    facts["lines"] = [color_at(lines, x, y) for x, y in ((11, 45), (80, 45))]
    error += run("lineart-settings", None, [])
    error += run("lineart-color-hints", image, [drawing])
    facts["back"] = stack(image.get_layers())
    tell("transparent_and_separate", error=error, **facts)


def gap():
    """A line with an opening of four pixels: the paper around is red, until it is closed."""
    image, drawing, hints = make()
    paint(drawing, (66, 40, 70, 44, WHITE))
    paint(hints, (110, 40, 120, 50, "00000000"))
    error, around = "", []
    for most in (8.0, 64.0):
        error += run("lineart-settings", None, [], finish="paint", gap=most)
        error += run("lineart-color-hints", image, [drawing])
        around.append([color_at(named(image, "Colour"), x, 45) for x in (20, 80)])
    error += run("lineart-settings", None, [])
    tell("gap", error=error, around=around)


def key_and_photo(folder):
    """Colours of a key, as layers and as a file; a photograph that lies beside the canvas."""
    image = Gimp.Image.new(320, 180, Gimp.ImageBaseType.RGB)
    paper = (0, 0, 320, 180, WHITE)
    box = frame(40, 30, 260, 150)
    lines = add(image, "key lines", (320, 180), boxes=[paper, *box])
    colors = add(image, "key", (320, 180), boxes=[paper, (40, 30, 260, 150, RED), *box])
    drawing = add(image, "Ink", (320, 180), boxes=[paper, *frame(52, 30, 272, 150)])
    path = str(Path(folder) / "key.png")
    file = Gio.File.new_for_path(path)
    alone = Gimp.Image.new(320, 180, Gimp.ImageBaseType.RGB)
    add(alone, "key", (320, 180), boxes=[paper, (40, 30, 260, 150, RED), *box])
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, alone, file, None)
    told = []
    for given in ({"key": colors, "key_drawing": lines}, {"key_file": file}, {}):
        error = run("lineart-color-key", image, [drawing], **given)
        made = named(image, "Colour")
        told.append([error, color_at(made, 160, 90) if made else None])
        if made:
            image.remove_layer(made)
    photo = add(image, "photo", (100, 70), (250, -20), boxes=[(0, 0, 100, 70, BLUE)])
    error = run("lineart-translate", image, [photo])
    tell("key_and_photo", keys=told, error=error, top=stack(image.get_layers())[:2])


def errors():
    """What an artist may do wrong: a sentence, and the image as it was."""
    image, drawing, hints = make()
    before = stack(image.get_layers())
    told = [run("lineart-color-hints", image, [drawing, hints])]
    opaque = add(image, "hint all", (160, 90), boxes=[(0, 0, 160, 90, RED)])
    told.append(run("lineart-color-hints", image, [drawing], hints=opaque))
    image.remove_layer(opaque)
    run("lineart-settings", None, [], weights="/no/such")
    told.append(run("lineart-color-hints", image, [drawing]))
    run("lineart-settings", None, [])
    tell("errors", told=told, same=stack(image.get_layers()) == before)


def pid():
    """Return the process of the program."""
    return json.loads((FOLDER / "server.json").read_text())["pid"]


def killed():
    """The program is killed before a command, and another while it works."""
    image, drawing, _ = make(size=(1920, 1080))
    error = run("lineart-color-hints", image, [drawing])
    first = pid()
    os.kill(first, signal.SIGKILL)
    error += run("lineart-color-hints", image, [drawing])
    second = pid()
    subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -9 {second}"])
    error += run("lineart-color-hints", image, [drawing])
    third, color = pid(), color_at(named(image, "Colour"), 20, 20)
    tell("killed", error=error, pids=[first, second, third], color=color)


def at_once():
    """One of several GIMPs."""
    image, drawing, _ = make()
    error = run("lineart-color-hints", image, [drawing])
    tell("at_once", error=error, pid=pid(), color=color_at(named(image, "Colour"), 20, 20))


def missing():
    """The program is not there: the sentence has the line that installs it."""
    image, drawing, _ = make()
    run("lineart-settings", None, [], program="/no/such/lineart")
    os.kill(pid(), signal.SIGKILL)
    told = run("lineart-color-hints", image, [drawing])
    run("lineart-settings", None, [])
    tell("missing", told=told, layers=len(image.get_layers()))


for name, *arguments in json.loads(os.environ["SCENES"]):
    globals()[name](*arguments)
