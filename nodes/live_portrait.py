"""A public checkpoint draws what VOCAL performs, in the place of the geometric renderer; and its calibration."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import folder_paths
from comfy_api.v0_0_2 import io

from ..neo_core.data_types import InputError
from ..neo_core.pictar.geometric import Volume
from ..neo_core.pictar.mini.face import MiniFace
from ..neo_core.pictar.volumetric.calibration import FILE
from ..neo_core.pictar.volumetric.checkpoints import FILES, FOLDERS, checkpoint_file
from ..neo_core.pictar.volumetric.driven_face import DrivenFace
from ..neo_core.pictar.volumetric.driving import REGIONS, RELATIONS, Rules
from ..neo_core.pictar.volumetric.openness import PARTS
from ..neo_core.pipelines.bridge_calibration import learn_bridge, summary
from ..neo_core.pipelines.live_portrait import PRECISIONS, LivePortrait
from ..neo_core.pipelines.talking_head import Models
from .folders import FileState, states
from .inputs import chosen, number, switch
from .model_patcher import HostedMini, HostedRenderer, host_renderer, on_device, renderer_on_device, with_renderer
from .progress import NodeProgress
from .sockets import NeoRenderer

FOLDER = "liveportrait"  # where other packs keep the checkpoint, too
HERE = f"models/{FOLDER}"
EMBEDDED = "embedded"  # NEO's own head, which needs no checkpoint
PARTS_OF_ONE = {Path(below).name for below in FOLDERS}  # folders of one checkpoint, not one each
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
                    options=[HERE, *(name for name in checkpoint_folders() if name != HERE), EMBEDDED],
                    default=HERE,
                    tooltip="The folder with the checkpoint's five files, .safetensors or .pth: models/liveportrait or "
                    "one in it. embedded: no checkpoint, NEO's own 3D head",
                ),
                io.Combo.Input(
                    "region",
                    options=list(REGIONS),
                    default=REGIONS[0],
                    tooltip="What of the performance it takes; everything else stays as photographed",
                ),
                io.Combo.Input(
                    "relation",
                    options=list(RELATIONS),
                    default="relative",
                    tooltip="relative: what changes is added to what the photo shows; absolute: expression and "
                    "direction of the performance take the place of the photo's",
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
                io.Boolean.Input(
                    "keep_size",
                    default=False,
                    tooltip="The face neither grows nor shrinks: sizes read off a video wobble",
                ),
                io.Combo.Input(
                    "precision",
                    options=[AUTOMATIC, *PRECISIONS],
                    default=AUTOMATIC,
                    tooltip="Of its numbers. Automatic: float16 on a GPU, else float32, which cards that show black "
                    "squares in half precision want",
                ),
                io.Boolean.Input(
                    "dynamic_roi",
                    default=False,
                    tooltip="Between keyframes compute eyes and mouth only: faster, not quite the same pixels",
                ),
                io.Boolean.Input(
                    "compiled",
                    default=False,
                    tooltip="torch.compile its networks and keep what is faster: takes minutes first, pays for long "
                    "videos on a GPU",
                ),
            ],
            outputs=[NeoRenderer.Output("renderer", tooltip="The checkpoint, for Enrol From Photo")],
        )

    @classmethod
    def fingerprint_inputs(cls, checkpoint, **_):
        return EMBEDDED if checkpoint == EMBEDDED else checkpoint_state(checkpoint).edition  # kept in the prompt

    @classmethod
    def execute(
        cls, checkpoint, region, relation, retarget, multiplier, stitching, keep_size, precision, dynamic_roi, compiled
    ):
        rules = Rules(
            relative=chosen(relation, tuple(RELATIONS), "relation") == "relative",
            region=region,
            multiplier=number(multiplier, MULTIPLIERS, "multiplier"),
            stitch=switch(stitching, "stitching"),
            resize=not switch(keep_size, "keep_size"),
        )
        parts = RETARGETED[chosen(retarget, tuple(RETARGETED), "retarget")]
        numbers = chosen(precision, (AUTOMATIC, *PRECISIONS), "precision")
        speed = (
            None if numbers == AUTOMATIC else numbers,
            switch(dynamic_roi, "dynamic_roi"),
            switch(compiled, "compiled"),
        )
        return io.NodeOutput(hosted(checkpoint, rules, parts, *speed))


class CalibrateLivePortrait(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_CalibrateLivePortrait",
            display_name="Calibrate LivePortrait",
            category="NEO",
            description="Learns, once, how the keypoints of a checkpoint answer to our motion, and keeps it beside the "
            "checkpoint. One that is calibrated already goes through.",
            search_aliases=["liveportrait", "calibration", "bridge", "keypoints"],
            inputs=[
                NeoRenderer.Input("renderer", tooltip="From Load LivePortrait: the checkpoint"),
                io.Boolean.Input(
                    "again",
                    default=False,
                    tooltip="Learn it anew, although it is there; switch it off afterwards, or every run does",
                ),
            ],
            outputs=[
                NeoRenderer.Output("renderer", tooltip="The calibrated checkpoint, for Enrol From Photo"),
                io.String.Output("report", tooltip="How well people are told who were not learnt from"),
            ],
        )

    @classmethod
    def execute(cls, renderer, again):
        with on_device() as engine, renderer_on_device(renderer) as public:
            return io.NodeOutput(*calibrated(engine, public, switch(again, "again")))


def calibrated(
    engine: Models, loaded: HostedRenderer | HostedMini | None, again: bool
) -> tuple[HostedRenderer | HostedMini | None, str]:
    """A checkpoint with the bridge that is, or now was, made for it; and what to tell."""
    if not isinstance(loaded, HostedRenderer):
        return loaded, "NEO's own head: nothing to calibrate"
    if loaded.public.bridge.calibrated and not again:
        return loaded, f"calibrated already: {FILE} lies beside the checkpoint"
    bridge, report = learn_bridge(engine, loaded.public.renderer, loaded.choice.checkpoint, NodeProgress("reading"))
    told = {**report, "bridge": report["bridge"] and FILE}  # where the folder lies is nobody's business
    return replace(loaded, public=replace(loaded.public, bridge=bridge)), summary(told)


def hosted(name: str, *driven: object) -> HostedRenderer | None:
    """The checkpoint of the chosen folder, driven so; None for NEO's own head."""
    if name == EMBEDDED:
        return None
    files = checkpoint_state(name)
    return host_renderer(files, LivePortrait(Path(files.path), *driven))


def checkpoint_folders() -> dict[str, Path]:
    """The folders that hold a checkpoint: models/liveportrait, and those right in it. Name -> place"""
    roots = [Path(root) for root in folder_paths.folder_names_and_paths[FOLDER][0]]
    places = [(HERE, root) for root in roots]
    places += [(place.name, place) for root in roots for place in _folders_in(root)]
    return {name: place for name, place in places if _has_one(place)}


def _folders_in(root: Path) -> list[Path]:
    """None for a place that is not there, or not ours to read."""
    try:
        return sorted(place for place in root.iterdir() if place.name not in PARTS_OF_ONE and place.is_dir())
    except OSError:
        return []


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
    except (InputError, OSError):
        return False


def drawing(head: Volume | MiniFace | DrivenFace) -> AbstractContextManager[None]:
    """What has to be on the device while a head is drawn."""
    return with_renderer(head.volume.renderer) if isinstance(head, DrivenFace) else nullcontext()
