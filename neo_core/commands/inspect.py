"""`inspect PHOTO`: which human faces a picture shows, or the first frame of a video that shows any."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ..media.destination import check_writable
from ..media.footage import VIDEOS
from ..media.image import WRITABLE, read_photo, write_image
from ..motion_space import EXPRESSION_NAMES
from ..pictar.analysis import Face, analyse, load_analyser
from ..pipelines.portrait import faces_in_clip

GREEN, YELLOW = (40, 220, 90), (250, 210, 40)
SHOWN = 5  # strongest expressions in the text output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    text = "a picture, or a video: its first frame with a face, in which --face and --driving-face count"
    parser.add_argument("photo", type=Path, metavar="PHOTO", help=text)
    parser.add_argument("--json", action="store_true", help="one JSON line instead of text")
    parser.add_argument("--draw", type=Path, metavar="OUT.png", help="write the picture with boxes and landmarks")


def execute(arguments: argparse.Namespace) -> int:
    if arguments.draw:
        check_writable(arguments.draw, WRITABLE, (arguments.photo,))
    if arguments.photo.suffix.lower() in VIDEOS:
        found = next(faces_in_clip(load_analyser(), arguments.photo), None)
        if found is None:
            print(json.dumps({"faces": []}) if arguments.json else "no human face in any frame")
            return 0
        moment, photo, faces = found
        where, told = {"seconds": float(moment)}, f"the first frame with a face, at {float(moment):.2f} s:\n"
    else:
        photo = read_photo(arguments.photo)
        faces, where, told = analyse(load_analyser(), photo), {}, ""
    if arguments.draw:
        write_image(arguments.draw, drawn(photo, faces))
    listed = {**where, "faces": [to_json(face) for face in faces]}
    print(json.dumps(listed) if arguments.json else told + describe(photo, faces))
    return 0


def to_json(face: Face) -> dict:
    """A face as plain values: pixels, degrees, weights 0 to 1."""
    return {
        "box": _rounded(face.box),
        "score": round(face.score, 4),
        "landmarks68": _rounded(face.landmarks68),
        "pose": dict(zip(("pitch", "yaw", "roll"), _rounded(face.pose), strict=True)),
        "expression": dict(zip(EXPRESSION_NAMES, _rounded(face.expression), strict=True)),
    }


def describe(photo: Tensor, faces: list[Face]) -> str:
    height, width, _ = photo.shape
    lines = [f"{width}x{height} pixels, {len(faces)} human face{'s' * (len(faces) != 1)}"]
    for number, face in enumerate(faces, start=1):
        left, top, right, bottom = (round(v) for v in face.box.tolist())
        pitch, yaw, roll = face.pose.tolist()
        strongest = face.expression.argsort(descending=True)[:SHOWN].tolist()
        looks = ", ".join(f"{EXPRESSION_NAMES[k]} {face.expression[k]:.2f}" for k in strongest)
        lines.append(f"{number}: x {left}..{right}, y {top}..{bottom}, score {face.score:.2f}")
        lines.append(f"   pitch {pitch:+.0f}, yaw {yaw:+.0f}, roll {roll:+.0f} degrees; {looks}")
    return "\n".join(lines)


def drawn(photo: Tensor, faces: list[Face]) -> Tensor:
    """The photo with the box, the number and all landmarks of each face. [H, W, 3] uint8"""
    picture = Image.fromarray(photo.numpy())
    pen = ImageDraw.Draw(picture)
    for number, face in enumerate(faces, start=1):
        box = face.box.tolist()
        dot = max(1.0, (box[2] - box[0]) / 200)
        pen.rectangle(box, outline=GREEN, width=max(1, round(dot)))
        pen.text((box[0] + 4, box[1] + 2), str(number), fill=GREEN)
        for k, (x, y) in enumerate(face.landmarks.tolist()):
            pen.ellipse((x - dot, y - dot, x + dot, y + dot), fill=YELLOW if k < 68 else GREEN)
    return torch.from_numpy(np.array(picture))


def _rounded(values: Tensor) -> list:
    if values.ndim > 1:
        return [_rounded(row) for row in values]
    return [round(value, 3) for value in values.tolist()]
