"""Load LivePortrait: a public checkpoint draws what VOCAL performs, in the place of the geometric renderer."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import folder_paths
from comfy_api.v0_0_2 import io

from ..neo_core.data_types import InputError
from ..neo_core.pictar.geometric import Volume
from ..neo_core.pictar.volumetric.calibration import FILE
from ..neo_core.pictar.volumetric.checkpoints import FILES, checkpoint_file
from ..neo_core.pictar.volumetric.driven_face import DrivenFace
from ..neo_core.pictar.volumetric.driving import REGIONS, Rules
from ..neo_core.pictar.volumetric.openness import PARTS
from ..neo_core.pipelines.live_portrait import PRECISIONS, LivePortrait
from .folders import FileState, states
from .inputs import chosen, number
from .model_patcher import host_renderer, with_renderer
from .sockets import NeoRenderer

FOLDER = "liveportrait"  # where other packs keep the checkpoint, too
HERE = f"models/{FOLDER}"
RETARGETED = {"none": (), "eyes": ("eyes",), "lips": ("lips",), "eyes and lips": PARTS}
MULTIPLIERS = (0.0, 3.0)
AUTOMATIC = "automatic"

folder_paths.add_model_folder_path(FOLDER, str(Path(folder_paths.models_dir) / FOLDER))


class LoadLivePortrait(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_LoadLivePortrait",
            display_name="Load LivePortrait",
            category="NEO",
            description="A LivePortrait checkpoint of your own draws the performance. None comes with this pack, and "
            "nothing is downloaded.",
            search_aliases=["liveportrait", "renderer", "checkpoint", "weights", "stitching", "retargeting"],
            inputs=[
                io.Combo.Input(
                    "checkpoint",
                    options=[HERE, *(name for name in checkpoint_folders() if name != HERE)],
                    default=HERE,
                    tooltip="The folder with the checkpoint's five files, .safetensors or .pth: models/liveportrait or "
                    "one in it",
                ),
                io.Combo.Input(
                    "region",
                    options=list(REGIONS),
                    default=REGIONS[0],
                    tooltip="What of the performance it takes; everything else stays as photographed",
                ),
                io.Combo.Input(
                    "retarget",
                    options=list(RETARGETED),
                    default="none",
                    tooltip="What the checkpoint's own networks open and close, besides the rest of the motion: they "
                    "close an eye whole",
                ),
                io.Float.Input(
                    "multiplier",
                    default=1.0,
                    min=MULTIPLIERS[0],
                    max=MULTIPLIERS[1],
                    step=0.05,
                    tooltip="How far everything moves: 1 as performed, 0 not at all",
                ),
                io.Boolean.Input(
                    "stitching",
                    default=True,
                    tooltip="Keep neck and shoulders where the photo has them, so that the rim of the crop fits",
                ),
                io.Combo.Input(
                    "precision",
                    options=[AUTOMATIC, *PRECISIONS],
                    default=AUTOMATIC,
                    tooltip="Of its numbers. Automatic: float16 on a GPU, else float32, which cards that show black "
                    "squares in half precision want",
                ),
            ],
            outputs=[NeoRenderer.Output("renderer", tooltip="The checkpoint, for Enrol From Photo")],
        )

    @classmethod
    def fingerprint_inputs(cls, checkpoint, **_):
        return checkpoint_state(checkpoint).edition  # ComfyUI keeps this in the prompt

    @classmethod
    def execute(cls, checkpoint, region, retarget, multiplier, stitching, precision=AUTOMATIC):
        strength = number(multiplier, MULTIPLIERS, "multiplier")
        rules = Rules(region=region, multiplier=strength, stitch=bool(stitching))
        numbers = chosen(precision, (AUTOMATIC, *PRECISIONS), "precision")
        parts = RETARGETED[chosen(retarget, tuple(RETARGETED), "retarget")]
        files, chosen_precision = checkpoint_state(checkpoint), None if numbers == AUTOMATIC else numbers
        return io.NodeOutput(host_renderer(files, LivePortrait(Path(files.path), rules, parts, chosen_precision)))


def checkpoint_folders() -> dict[str, Path]:
    """The folders that hold a checkpoint: models/liveportrait, and those right in it. Name -> place"""
    roots = [Path(root) for root in folder_paths.folder_names_and_paths[FOLDER][0] if Path(root).is_dir()]
    places = [(HERE, root) for root in roots]
    places += [(place.name, place) for root in roots for place in sorted(root.iterdir()) if place.is_dir()]
    return {name: place for name, place in places if _has_one(place)}


def checkpoint_state(name: str) -> FileState:
    """The checkpoint of the chosen folder as it is now, with its calibration. Raises InputError for one that has not
    all its files, naming them."""
    place = checkpoint_folders().get(name)
    if place is None:
        raise InputError(
            f"no LivePortrait checkpoint found in {name!r:.80}; expected {', '.join(FILES.values())}, each as "
            f".safetensors or .pth, in {HERE} or a folder in it"
        )
    files = [checkpoint_file(place, stem) for stem in FILES.values()]
    return states(place, [path for path in (*files, place / FILE) if path.is_file()])


def _has_one(place: Path) -> bool:
    try:
        return checkpoint_file(place, FILES["motion"]).is_file()
    except InputError:
        return False


def drawing(head: Volume | DrivenFace) -> AbstractContextManager[None]:
    """What has to be on the device while a head is drawn."""
    return with_renderer(head.volume.renderer) if isinstance(head, DrivenFace) else nullcontext()
