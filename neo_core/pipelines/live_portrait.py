"""A portrait that a public LivePortrait checkpoint renders; VOCAL performs it as any other (`talking_head`).

photo -> face -> head fit (who it is for VOCAL, and the camera)
              -> upright crop -> lift -> a face that motion vectors drive, pasted back into the photo
"""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ..data_types import STYLE_SIZE, Identity, InputError, Progress, silent
from ..governance import TALKING_HEAD, Grant
from ..pictar.crop import square_around, whole
from ..pictar.fit import HeadFit, fit_head
from ..pictar.geometric.bust import build_bust
from ..pictar.geometric.outline import settle_eyes
from ..pictar.head_crop import crop_head
from ..pictar.volumetric.calibration import FILE, load_bridge
from ..pictar.volumetric.checkpoints import FILES, checkpoint_file, load_renderer
from ..pictar.volumetric.driven_face import lift_face
from ..pictar.volumetric.driving import Rules, require_moved
from ..pictar.volumetric.dynamic_roi import Focus
from ..pictar.volumetric.family import Renderer
from ..pictar.volumetric.motion_bridge import Bridge, slider_bridge
from ..runtime.threads import one_thread
from .portrait import Portrait, refuse_child
from .talking_head import Avatar, Models

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class LivePortrait:
    """Which checkpoint renders, and how it is driven."""

    checkpoint: Path  # the folder with the five files
    rules: Rules = field(default_factory=Rules)
    retargeted: tuple[str, ...] = ()  # "eyes", "lips": opened and closed by the checkpoint's own networks
    precision: str | None = None  # of warping and generator, one of `PRECISIONS`; half on a GPU without one
    dynamic_roi: bool = False  # between keyframes compute eyes and mouth only
    compiled: bool = False  # by torch.compile, where that is measured to be faster

    def __post_init__(self) -> None:
        require_moved(self.rules.region, self.retargeted)

    def files(self) -> list[Path]:
        """What is read of the folder, as far as it is there."""
        found = [self.checkpoint / FILE]
        for stem in FILES.values():
            with suppress(InputError):  # says so when it is loaded
                found.append(checkpoint_file(self.checkpoint, stem))
        return found


@dataclass(frozen=True)
class PublicRenderer:
    """A checkpoint, loaded, and the bridge to its keypoints."""

    renderer: Renderer
    bridge: Bridge


def load_public(
    choice: LivePortrait, device: str | None = None, *, calibrated: bool = True, tensor_cores: bool | None = None
) -> PublicRenderer:
    """The networks of a checkpoint, and the bridge that `calibrate` made for it; without that, or not `calibrated`, the
    published sliders. They come to the GPU if there is one, or to a `device` in the precision that is then chosen,
    laid out for `tensor_cores` if they are to move on to those. Raises InputError naming what is missing."""
    if not choice.checkpoint.is_dir():
        found = "a file" if choice.checkpoint.is_file() else "nothing"
        raise InputError(f"{found} found at {choice.checkpoint}; expected the folder of a LivePortrait checkpoint")
    own = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    given = choice.precision if device else None  # whoever names a device knows what will compute there in the end
    dtype = PRECISIONS[given or precision_on(own, choice)]
    renderer = load_renderer(choice.checkpoint, dtype=dtype, device=own, tensor_cores=tensor_cores)
    for part in choice.retargeted:
        if renderer.stitching.silent(part):
            raise InputError(
                f"{choice.checkpoint} found, whose network for {part} says nothing; expected one that was trained, or "
                f"no retargeting of the {part}"
            )
    if choice.compiled:
        renderer.compile_where_it_pays(windows=choice.dynamic_roi)
    learnt = load_bridge(choice.checkpoint) if calibrated else None
    return PublicRenderer(renderer, learnt or slider_bridge())


def has_tensor_cores(device: torch.device) -> bool:
    """Whether a checkpoint that is to compute there wants to be laid out for them."""
    return device.type == "cuda"


def precision_on(device: torch.device, choice: LivePortrait) -> str:
    """In which numbers a checkpoint is to compute there. Raises InputError for such as a CPU is not made for."""
    gpu = device.type == "cuda"
    if choice.precision == "float16" and device.type == "cpu":
        raise InputError("precision float16 found without a GPU; expected float32 or bfloat16")
    return choice.precision or ("float16" if gpu else "float32")


def enrol_public(
    models: Models,
    public: PublicRenderer,
    portrait: Portrait,
    size: int | None,
    choice: LivePortrait,
    *,
    grant: Grant,
    progress: Progress = silent,
) -> Avatar:
    """Lift a portrait into a public renderer: frames are the whole photo, or head and shoulders in a `size` square."""
    grant.require(TALKING_HEAD)
    grant.require_portrait(portrait.photo, portrait.face.landmarks68)
    refuse_child(portrait.face, "the photo")
    photo, face = portrait.photo, portrait.face
    shown = square_around(photo, face.box, size) if size else whole(photo)
    progress(0, 2, None)
    fit, reference = _fitted(models, portrait)
    progress(1, 2, None)
    driven = lift_face(
        public.renderer,
        public.bridge,
        shown,
        crop_head(photo, face.landmarks68, public.renderer.config.side),
        face.landmarks68,
        fit.camera,
        reference,
        models.head,
        grant=grant,
        rules=choice.rules,
        retargeted=choice.retargeted,
        focus=Focus() if choice.dynamic_roi else None,
    )
    progress(2, 2, None)
    identity = Identity(fit.identity, torch.zeros(STYLE_SIZE), reference)
    eyes = shown.to_frame(face.landmarks68)[36:48].unflatten(0, (2, 6)).mean(1)  # [2, 2]
    return Avatar(driven, identity, float((eyes[0] - eyes[1]).norm()), driven.reach)


@one_thread()
def _fitted(models: Models, portrait: Portrait) -> tuple[HeadFit, Tensor]:
    """The head in the photo's own pixels, and the motion vector that the photo shows. [63]"""
    photo, face = portrait.photo, portrait.face
    fit = fit_head(models.head, face.landmarks, face.sigma, tuple(photo.shape[:2]))
    picture = photo.permute(2, 0, 1).float() / 255
    return fit, settle_eyes(build_bust(models.head, fit), picture).reference
