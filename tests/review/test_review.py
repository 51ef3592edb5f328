"""The review of a film by its server: lists, frames, answers and marks, in a folder and on S3."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lineart.codec import decode_cel, decode_color, encode_png
from lineart.jobs.review import ReviewFilm, open_review
from lineart.review.film import ReviewedFilm
from tests.review.conftest import STEPS, Client, Reviewed
from tests.shots import BALL, BOX, DOOR, SKY, draw_shot

RED = "#c83c28"
assert bytes.fromhex(RED[1:]) == bytes(BALL)


def answer(
    frame: dict[str, Any], region: int, color: str, *, whole: bool = False
) -> dict[str, Any]:
    """Return the body of an answer."""
    return {"shown": frame["shown"], "answers": [[region, color]], "whole": whole}


def region_at(client: Client, frame: str, row: int, column: int) -> int:
    """Return the number of the region at a pixel."""
    answer = client.http.get("/picture/regions", params={"frame": frame})
    red, green, blue = (int(level) for level in decode_color(answer.content)[row, column])
    return red | green << 8 | blue << 16


def test_an_answer_changes_what_it_named(stored: Reviewed) -> None:
    """The next run makes exactly these frames again, with the colour, and the doubt is gone."""
    client = stored.open()
    listed = client.get("doubts")
    worst = listed["entries"][0]
    assert (worst["shotName"], worst["color"], worst["sure"]) == ("roll", "#ff00ff", 0)
    assert worst["alike"] > 0
    frame = client.get("frame", frame="roll/f0003.png")
    assert (frame["key"]["exists"], frame["key"]["name"]) == (False, "roll/f0003.png")
    (doubt,) = (one for one in frame["doubts"] if one["color"] == "#ff00ff")
    region = region_at(client, "roll/f0003.png", 50, 30)
    assert region == doubt["region"]
    asked = answer(frame, region, RED)
    named = client.send("POST", "preview", "roll/f0003.png", asked).json()
    assert named["touched"] == [f"roll/f{n + 1:04}.png" for n in range(STEPS)]
    assert named["words"] == "changes 5 frames, f0001.png … f0005.png"
    assert stored.color() == []
    saved = client.send("PUT", "key", "roll/f0003.png", asked, frame["key"]["tag"])
    assert (saved.status_code, saved.json()["touched"]) == (200, named["touched"])
    again = client.send("POST", "preview", "roll/f0003.png", asked).json()
    assert (again["touched"], again["words"]) == ([], "changes nothing, the key says so already")
    after = client.get("doubts")
    assert after["total"] < listed["total"]
    assert worst["frame"] not in [one["frame"] for one in after["entries"]]
    # The key is what was sure and the answer.
    key = decode_cel(stored.root.read("keys/roll/f0003.png"))
    assert tuple(key[50, 30]) == (*BALL, 255)
    assert tuple(key[8, 80]) == (*SKY, 255)
    assert stored.color() == named["touched"]
    for step, name in enumerate(named["touched"]):
        drawn = draw_shot(step if step != 1 else 0, moves_px=3)
        made = decode_color(stored.root.read(f"output/frames/{name}"))
        assert (made[drawn.line == 255] == drawn.paint[drawn.line == 255]).all(), name
    assert stored.color() == []
    # The page takes up what the run made.
    assert client.get("film")["stamp"] != listed["stamp"]
    assert [one for one in client.get("doubts")["entries"] if one["color"] == "#ff00ff"] == []


def test_an_answer_over_a_key(reviewed: Reviewed) -> None:
    """All else in the key stays, and what was there is kept; a held frame has its doubts, too."""
    client = reviewed.open()
    name = "roll/f0004.png"
    before = reviewed.root.read("keys/roll/f0004.png")
    frame = client.get("frame", frame=name)
    region = region_at(client, name, 66, 119)
    asked = answer(frame, region, "#010203")
    saved = client.send("PUT", "key", name, asked, frame["key"]["tag"])
    assert saved.status_code == 200
    key, earlier = decode_cel(reviewed.root.read("keys/roll/f0004.png")), decode_cel(before)
    changed = (key != earlier).any(axis=2)
    assert (key[changed] == (1, 2, 3, 255)).all()
    assert (earlier[changed][:, :3] == DOOR).all()
    kept = [one.path for one in reviewed.root.entries("output/review/replaced")]
    assert [reviewed.root.read(path) for path in kept] == [before]
    assert reviewed.color() == saved.json()["touched"]
    assert tuple(decode_color(reviewed.root.read(f"output/frames/{name}"))[66, 119]) == (1, 2, 3)
    held = client.get("frame", frame="roll/f0002.png")
    assert held["heldBy"] == "roll/f0001.png"
    assert held["doubts"] == client.get("frame", frame="roll/f0001.png")["doubts"] != []


def test_a_whole_frame_as_key(reviewed: Reviewed) -> None:
    """With `whole` the key is the frame with the answers, opaque; its doubts are answered."""
    client = reviewed.open()
    frame = client.get("frame", frame="roll/f0005.png")
    region = region_at(client, "roll/f0005.png", 50, 24 + 12)
    asked = answer(frame, region, RED, whole=True)
    saved = client.send("PUT", "key", "roll/f0005.png", asked, "none")
    assert saved.status_code == 200
    made = decode_color(reviewed.root.read("output/frames/roll/f0005.png"))
    key = decode_cel(reviewed.root.read("keys/roll/f0005.png"))
    assert (key[:, :, 3] == 255).all()
    is_ball = (key[:, :, :3] == BALL).all(axis=2)
    assert (key[~is_ball][:, :3] == made[~is_ball]).all()
    again = client.get("frame", frame="roll/f0005.png")
    assert all(one["answered"] for one in again["doubts"])
    assert reviewed.color() == saved.json()["touched"]


def test_two_people(stored: Reviewed) -> None:
    """The second to save a key or mark is told, shown the other's, and may lay theirs over it."""
    name = "roll/f0003.png"
    anna, ben = stored.open("anna"), stored.open("ben")
    seen = [who.get("frame", frame=name) for who in (anna, ben)]
    ball, door = (region_at(anna, name, *at) for at in ((50, 30), (66, 119)))
    first = anna.send("PUT", "key", name, answer(seen[0], ball, RED), seen[0]["key"]["tag"])
    assert first.status_code == 200
    mine = answer(seen[1], door, "#010203")
    refused = ben.send("PUT", "key", name, mine, seen[1]["key"]["tag"])
    assert refused.status_code == 409
    told = refused.json()
    assert told["error"].startswith("anna, at ")
    assert told["error"].endswith("has changed the key of this drawing; yours is not saved")
    assert told["key"]["tag"] == first.json()["key"]["tag"] != seen[1]["key"]["tag"]
    theirs = ben.http.get("/picture/key", params={"frame": name})
    assert theirs.content == stored.root.read("keys/roll/f0003.png")
    over = ben.send("PUT", "key", name, mine, told["key"]["tag"])
    assert over.status_code == 200
    both = decode_cel(stored.root.read("keys/roll/f0003.png"))
    assert (tuple(both[50, 30, :3]), tuple(both[66, 119, :3])) == (BALL, (1, 2, 3))
    # Marks likewise.
    accepted = anna.send(
        "PUT", "mark", name, {"mark": "accepted"}, anna.get("frame", frame=name)["mark"]["tag"]
    )
    assert accepted.json()["mark"]["by"] == "anna"
    refused = ben.send("PUT", "mark", name, {"mark": "redo"}, over.json()["mark"]["tag"])
    assert refused.status_code == 409
    assert refused.json()["error"] == "anna has accepted this frame; yours is not saved"
    again = ben.send(
        "PUT", "mark", name, {"mark": "redo", "note": "hand"}, refused.json()["mark"]["tag"]
    )
    assert (again.status_code, again.json()["mark"]["note"]) == (200, "hand")
    # No run loses a mark; it says that the frame is another now.
    assert name in stored.color()
    carla = stored.open("carla").get("frame", frame=name)
    assert (carla["mark"]["mark"], carla["mark"]["by"], carla["mark"]["stale"]) == (
        "redo",
        "ben",
        True,
    )
    stored = json.loads(stored.root.read("output/review/roll/f0003.json"))
    assert (stored["frame"], stored["mark"], stored["note"]) == (name, "redo", "hand")


def test_two_servers_at_once(reviewed: Reviewed) -> None:
    """Of those who save over one key at the same moment one succeeds, and the others are told.

    In a folder: the S3 server of the tests does not know If-None-Match.
    """
    name = "roll/f0003.png"
    people = [reviewed.open(who) for who in ("anna", "ben", "carla")]
    frame = people[0].get("frame", frame=name)
    colors = [f"#00000{n}" for n in range(len(people))]
    ball = region_at(people[0], name, 50, 30)

    def save(number: int) -> int:
        asked = answer(frame, ball, colors[number])
        status: int = people[number].send("PUT", "key", name, asked, "none").status_code
        return status

    with ThreadPoolExecutor(len(people)) as pool:
        statuses = [*pool.map(save, range(len(people)))]
    assert sorted(statuses) == [200, 409, 409]
    key = decode_cel(reviewed.root.read("keys/roll/f0003.png"))
    assert tuple(key[50, 30]) == (0, 0, statuses.index(200), 255)


def test_keys_that_the_page_cannot_write(reviewed: Reviewed) -> None:
    """Documents and two keys of one drawing are refused by name; nothing is written."""
    client, name = reviewed.open(), "roll/f0004.png"
    frame = client.get("frame", frame=name)
    reviewed.write("keys/roll/4.png", draw_shot(3, moves_px=3).paint)
    refused = client.send("PUT", "key", name, answer(frame, 1, RED), frame["key"]["tag"])
    assert (refused.status_code, "is a key of the same drawing" in refused.text) == (409, True)
    for path in ("keys/roll/4.png", "keys/roll/f0004.png"):
        reviewed.root.delete(path)
    reviewed.root.write("keys/roll/4.webp", encode_png(draw_shot(3, moves_px=3).paint))
    assert "which this page does not write" in client.get("frame", frame=name)["key"]["refusal"]
    # By number, in PNG: written where it is.
    reviewed.root.delete("keys/roll/4.webp")
    reviewed.write("keys/roll/4.png", draw_shot(3, moves_px=3).paint)
    key = client.get("frame", frame=name)["key"]
    assert key["name"] == "roll/4.png"
    region = region_at(client, name, 66, 119)
    saved = client.send("PUT", "key", name, answer(frame, region, RED), key["tag"])
    assert saved.json()["touched"] == [f"roll/f{n + 1:04}.png" for n in range(STEPS)]
    names = [one.path for one in reviewed.root.entries("keys/roll")]
    assert names == ["keys/roll/4.png"]
    reviewed.root.write("keys/roll/4.png", encode_png(np.zeros((9, 9, 3), np.uint8)))
    tag = client.get("frame", frame=name)["key"]["tag"]
    wrong = client.send("PUT", "key", name, answer(frame, region, RED), tag)
    assert (wrong.status_code, "the key is 9x9 and its drawing 160x96" in wrong.text) == (500, True)


def test_lists(reviewed: Reviewed) -> None:
    """Shots, doubts and frames come page by page; the palette is that of the shot's keys."""
    client = reviewed.open()
    shots = client.get("shots")
    assert [(one["name"], one["frames"]) for one in shots["entries"]] == [("roll", 5), ("slide", 5)]
    assert client.get("shots", first=1, most=1)["entries"] == shots["entries"][1:]
    assert [one["name"] for one in client.get("shots", text="LID")["entries"]] == ["slide"]
    assert [one["name"] for one in client.get("shots", kind="redo")["entries"]] == []
    client.send("PUT", "mark", "slide/f0002.png", {"mark": "redo"}, "none")
    assert [one["redo"] for one in client.get("shots", kind="redo")["entries"]] == [1]
    frames = client.get("frames", shot=1, first=1, most=3)["entries"]
    assert [(one["label"], one["key"], one["mark"]) for one in frames] == [
        ("f0002.png", False, "redo"),
        ("f0003.png", False, None),
        ("f0004.png", True, None),
    ]
    whole = client.get("doubts")
    parts = [client.get("doubts", first=n, most=1)["entries"] for n in range(whole["total"])]
    assert [one for part in parts for one in part] == whole["entries"]
    of_shots = [client.get("doubts", shot=shot)["total"] for shot in (0, 1)]
    assert sum(of_shots) == whole["total"]
    sure = [one["sure"] for one in whole["entries"]]
    assert sure == sorted(sure)
    areas = [one["area"] for one in client.get("doubts", order="area")["entries"]]
    assert areas == sorted((one["area"] for one in whole["entries"]), reverse=True)
    palette = client.get("frame", frame="slide/f0001.png")["palette"]
    assert palette[:4] == [f"#{bytes(color).hex()}" for color in (SKY, BOX, BALL, DOOR)]
    for kind in ("frame", "line", "thumbnail", "regions"):
        picture = client.http.get(f"/picture/{kind}", params={"frame": "roll/f0001.png"})
        assert picture.headers["content-type"].startswith("image/")
    entry = whole["entries"][0]
    where = {"frame": entry["frame"], "doubt": entry["doubt"]}
    assert client.http.get("/picture/crop", params=where).content[8:12] == b"WEBP"


def test_keys_of_a_relative_path_are_found_from_any_folder(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The film's run says where they are; a run that does not is refused unless they are there."""
    run = json.loads(reviewed.root.read("output/run.json"))
    run["configuration"]["keys"] = "keys"
    reviewed.root.write("output/run.json", json.dumps(run).encode())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    flags = ReviewFilm(film=reviewed.root.child("output").uri)
    assert open_review(flags).keys.place.uri == run.pop("keys")
    reviewed.root.write("output/run.json", json.dumps(run).encode())
    with pytest.raises(ValueError, match="keys are not in keys of this folder; give --keys"):
        open_review(flags)


def test_marks_and_the_next_run(stored: Reviewed) -> None:
    """What is to redo is made again, once, with its copies; what was accepted is said to have been.

    A mark counts until its frame is made again.
    """
    client = stored.open()

    def mark(frame: str, verdict: str) -> None:
        tag = client.get("frame", frame=frame)["mark"]["tag"]
        done = client.send("PUT", "mark", frame, {"mark": verdict}, tag)
        assert (done.status_code, done.json()["mark"]["stale"]) == (200, False)

    def of_kind(kind: str) -> list[str]:
        return [one["name"] for one in client.get("shots", kind=kind)["entries"]]

    # The second drawing is equal to the first, and was copied.
    for frame, verdict in (("roll/f0002.png", "redo"), ("roll/f0005.png", "accepted")):
        mark(frame, verdict)
    for step in range(STEPS):
        mark(f"slide/f{step + 1:04}.png", "accepted")
    assert (of_kind("redo"), of_kind("open")) == (["roll"], ["roll"])
    before = stored.rows()
    assert stored.color() == ["roll/f0001.png", "roll/f0002.png"]
    assert [stored.rows()[f"roll/f000{n}.png"]["retake"] for n in (1, 2)] == ["redo", "redo"]
    summary = json.loads(stored.root.read("output/run.json"))["summary"]
    assert [summary[one] for one in ("done", "held", "redone", "lapsed")] == [1, 1, 2, 0]
    assert stored.color() == []
    client.get("film")
    assert of_kind("redo") == []
    shown = client.get("frame", frame="roll/f0002.png")["mark"]
    assert (shown["mark"], shown["stale"]) == ("redo", True)
    strip = client.get("frames", shot=0)["entries"]
    assert [one["mark"] for one in strip] == [None, None, None, None, "accepted"]
    key = draw_shot(4, moves_px=5).paint
    stored.write("keys/slide/f0004.png", np.where(key == DOOR, 9, key).astype(np.uint8))
    made = stored.color()
    assert made == [name for name in before if name.startswith("slide/")]
    assert {stored.rows()[name]["retake"] for name in made} == {"key, was accepted"}
    summary = json.loads(stored.root.read("output/run.json"))["summary"]
    assert (summary["redone"], summary["lapsed"]) == (0, len(made))
    client.get("film")
    assert of_kind("open") == ["roll", "slide"]


NONE = [
    ({"answers": []}, "there is no answer"),
    ({"answers": [[0, RED]]}, "0 is no region"),
    ({"answers": [[10**6, RED]]}, "1000000 is no region"),
    ({"answers": [[True, RED]]}, "True is no region"),
    ({"answers": [[1]]}, "None is no region"),
    ({"answers": [[1, "red"]]}, "'red' is no colour"),
    ({"answers": [[1, "#12345g"]]}, "is no colour"),
    ({"answers": [[1, None]]}, "is no colour"),
    ({"shown": "other", "answers": [[1, RED]]}, "was made anew since"),
    ([], "was made anew since"),
]
"""Bodies that the page does not send, and what is said."""


def test_answers_that_are_none(reviewed: Reviewed) -> None:
    """They are a sentence, and nothing is written; nor is it by marks that are none."""
    client, name = reviewed.open(), "roll/f0003.png"
    frame = client.get("frame", frame=name)
    for body, sentence in NONE:
        sent = {"shown": frame["shown"]} | body if isinstance(body, dict) else body
        refused = client.send("PUT", "key", name, sent, "none")
        assert refused.status_code in (400, 409)
        assert sentence in refused.json()["error"]
    for mark in ({"mark": "good"}, {"mark": None, "note": "x" * 501}, {"mark": 1}, []):
        assert client.send("PUT", "mark", name, mark, "none").status_code == 400
    assert not reviewed.root.exists("keys/roll/f0003.png")
    assert [*reviewed.root.entries("output/review")] == []


def test_enlarged_frames_are_refused(reviewed: Reviewed) -> None:
    """Their regions are not those of the drawings; the film is refused, with the reason."""
    output = reviewed.root.child("output")
    run = json.loads(output.read("run.json"))
    run["configuration"]["upscale"] = 2
    output.write("run.json", json.dumps(run).encode())
    with pytest.raises(ValueError, match="was coloured with --upscale"):
        ReviewedFilm(output, None)
