"""From the inputs photo, framing, size, face and consent to a portrait that may be moved."""

from dataclasses import replace
from functools import partial

from torch import Tensor

from ..neo_core.data_types import InputError
from ..neo_core.governance import Grant
from ..neo_core.pictar.geometric import Posed, Volume, pose
from ..neo_core.pictar.mini.face import MiniFace
from ..neo_core.pictar.volumetric.driven_face import DrivenFace
from ..neo_core.pipelines.footage_enrolment import Enrolment, enrol_footage, inspect_for_enrolment
from ..neo_core.pipelines.full_body import Anchor, FullBodyModels, encode_anchor
from ..neo_core.pipelines.half_body import made_up, turned_away
from ..neo_core.pipelines.live_portrait import enrol_public
from ..neo_core.pipelines.mini import drawn_by
from ..neo_core.pipelines.portrait import Portrait, choose_face, find_portrait, open_clip
from ..neo_core.pipelines.talking_head import Avatar, Models, enrol
from .inputs import FACES, FRAMINGS, SIDES, chosen, within
from .media import to_mask, to_photo
from .model_patcher import HostedMini, HostedRenderer
from .progress import NodeProgress
from .sockets import genuine

NAME, FOOTAGE = "the photo", "the footage"  # pictures in a graph have no other
EXCERPT = (1, 256)  # frames that are held in memory at once


def found(engine: Models | FullBodyModels, photo: object, face: int) -> Portrait:
    """The face that is meant in an IMAGE; 0: the only one."""
    picture = to_photo(photo)
    number = within(face, FACES, "face") or None
    return find_portrait(engine.analyser, picture, NAME, number, NodeProgress("step"))


def enrolled(
    engine: Models,
    photo: object,
    framing: str,
    size: int,
    face: int,
    grant: Grant,
    mask: object = None,
    renderer: HostedRenderer | HostedMini | None = None,
) -> Avatar:
    """The person in an IMAGE, ready to be moved; a MASK tells better than the network which pixels are the person. A
    `renderer`, public or the mini, draws them in the place of the geometric one."""
    square = chosen(framing, FRAMINGS, "framing") == FRAMINGS[0]
    side = within(size, SIDES, "size") if square else None
    portrait = found(engine, photo, face)
    progress = NodeProgress("step")
    if isinstance(renderer, HostedRenderer):
        return enrol_public(engine, renderer.public, portrait, side, renderer.choice, grant=grant, progress=progress)
    person = to_mask(mask, portrait.photo)
    avatar = enrol(engine, portrait, side, grant=grant, person=person, progress=progress)
    return drawn_by(avatar, renderer.mini) if renderer else avatar


def first_face(engine: Models, path: str, face: int) -> Portrait:
    """The first frame of a video that shows a face, and the one in it that is meant."""
    number = within(face, FACES, "face") or None
    return open_clip(engine.analyser, path, number, progress=NodeProgress("step"))


def enrolled_from(
    engine: Models,
    path: str,
    framing: str,
    size: int,
    face: int,
    grant: Grant,
    renderer: HostedRenderer | HostedMini | None = None,
) -> Enrolment:
    """The person in a video, ready to be moved, and what was noticed."""
    square = chosen(framing, FRAMINGS, "framing") == FRAMINGS[0]
    side, number = within(size, SIDES, "size") if square else None, within(face, FACES, "face") or None
    footage, choose = inspect_for_enrolment(path), partial(choose_face, name=FOOTAGE, number=number, option="face")
    public, mini = isinstance(renderer, HostedRenderer), isinstance(renderer, HostedMini)
    shared = {"public": renderer.public, "choice": renderer.choice} if public else {"widen": not mini}
    portrait, shared["progress"] = first_face(engine, path, face), NodeProgress("frame")
    enrolment = enrol_footage(engine, footage, portrait, side, choose, grant=grant, **shared)
    return replace(enrolment, avatar=drawn_by(enrolment.avatar, renderer.mini)) if mini else enrolment


def anchored(engine: FullBodyModels, photo: object, face: int, grant: Grant) -> Anchor:
    """The person in an IMAGE as NEO 2 knows them; what could be better about the photo is told on the node."""
    progress, portrait = NodeProgress("step"), found(engine, photo, face)
    anchor = encode_anchor(engine, portrait, grant=grant, progress=progress)
    for remark in (made_up(anchor.missing), turned_away(portrait.face)):
        progress.warn(remark)
    return anchor


def movable(volume: object) -> Volume | MiniFace | DrivenFace:
    """The portrait of a NEO_VOLUME, whoever draws it."""
    return volume if isinstance(volume, DrivenFace | MiniFace) else lifted(volume)


def lifted(volume: object) -> Volume:
    """The portrait of a NEO_VOLUME, whatever poses it was put into."""
    return posed(volume).volume


def posed(volume: object) -> Posed:
    """A NEO_VOLUME in its poses; one that was only lifted is as photographed."""
    if isinstance(volume, Volume):
        return pose(volume, volume.reference[None])
    if isinstance(volume, DrivenFace | MiniFace):
        drawn = "the mini, which bends no mesh to show"
        if isinstance(volume, DrivenFace):
            drawn = "a LivePortrait checkpoint, which has no mesh"
        raise InputError(
            f"input volume is drawn by {drawn}; expected one that was enrolled "
            "without a renderer, or connect it to Render"
        )
    return genuine(volume, Posed, "volume", "Enrol From Photo or Pictar Deform")


def excerpt(motion: Tensor, start: int, frames: int) -> Tensor:
    """`frames` motion vectors from `start` on, fewer at the end. [T, 63] -> [n, 63]"""
    within(frames, EXCERPT, "frames")
    within(start, (0, len(motion) - 1), "start_frame")
    return motion[start : start + frames]


def person_and_region(avatar: Avatar) -> tuple[Tensor, Tensor]:
    """As MASK: what was taken for the person, and what may change in the picture. [1, H, W] each, in 0..1"""
    volume = avatar.volume
    region = avatar.person.new_zeros(1, *avatar.person.shape)
    region[:, volume.window.rows, volume.window.columns] = volume.moving
    return avatar.person[None], region
