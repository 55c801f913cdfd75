"""The nodes: each a schema and one call into `neo_core`. Their ids are frozen, inputs are only ever appended."""

from comfy_api.v0_0_2 import ComfyExtension, io

from ..neo_core.data_types import InputError
from .audio import EncodeAudio
from .audio_encoders import LoadAudioEncoder
from .emotion import EmotionState
from .expression import EditExpression
from .footage import EnrolFromFootage, FaceInFootage
from .full_body import ChunkDenoiser, ContinuumSync, DecodeVideo, EncodeAnchor, LoadNeo2
from .governance import Consent
from .live_portrait import CalibrateLivePortrait, LoadLivePortrait
from .loaders import LoadModels
from .mini import LoadMini
from .motion import DepthPlot, LoadMotion, PlotMotion, SaveMotion
from .pictar import Deform, EnrolFromPhoto, Lift, Render, Translate
from .redub import Redub
from .reenactment import MotionFromVideo, ReenactByCheckpoint
from .refusals import forget_all
from .replacements import register_replacements
from .samples import SamplePortrait, SamplePortraits, SampleSpeech
from .seams import SeamReport
from .talking_head import TalkingHead
from .vocal import GenerateMotion, GuidanceMixer
from .web_folder import serve_in_any_folder

NODES: list[type[io.ComfyNode]] = [
    TalkingHead,
    LoadModels,
    LoadAudioEncoder,
    EncodeAudio,
    Consent,
    EnrolFromPhoto,
    GuidanceMixer,
    EmotionState,
    GenerateMotion,
    EditExpression,
    Render,
    Lift,
    Deform,
    Translate,
    PlotMotion,
    DepthPlot,
    SaveMotion,
    LoadMotion,
    SamplePortrait,
    SamplePortraits,
    SampleSpeech,
    LoadNeo2,
    EncodeAnchor,
    ChunkDenoiser,
    ContinuumSync,
    DecodeVideo,
    SeamReport,
    LoadLivePortrait,
    MotionFromVideo,
    FaceInFootage,
    EnrolFromFootage,
    CalibrateLivePortrait,
    ReenactByCheckpoint,
    Redub,
    LoadMini,
]


for kind in (InputError, *InputError.__subclasses__()):
    kind.__module__ = "neo"  # the host shows errors by module and name, and a node pack's module begins with its path


class NeoExtension(ComfyExtension):
    async def on_load(self) -> None:
        serve_in_any_folder()
        forget_all()
        await register_replacements()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES
