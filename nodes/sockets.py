"""The types that flow between nodes, and the check that what flows is genuine.

A prompt can hold anything in the place of a link: text, numbers, dictionaries. Every node checks what it was handed.
The colours of the sockets are in `web/js/sockets.js`.
"""

from typing import TypeVar

from comfy_api.v0_0_2 import io

from ..neo_core.data_types import InputError

Value = TypeVar("Value")

NeoAudio = io.Custom("NEO_AUDIO")  # data_types.AudioFeatures
NeoIdentity = io.Custom("NEO_IDENTITY")  # data_types.Identity
NeoGrant = io.Custom("NEO_GRANT")  # governance.Grant
NeoGuidance = io.Custom("NEO_GUIDANCE")  # flow.guidance.Guidance
NeoEmotion = io.Custom("NEO_EMOTION")  # data_types.Emotion
NeoMotion = io.Custom("NEO_MOTION")  # data_types.MotionLatents
NeoVolume = io.Custom("NEO_VOLUME")  # pictar.geometric.Posed, a DrivenFace or a MiniFace
NeoModel = io.Custom("NEO_MODEL")  # model_patcher.HostedModels
NeoRenderer = io.Custom("NEO_RENDERER")  # model_patcher.HostedRenderer or HostedMini
NeoVideoModel = io.Custom("NEO_VIDEO_MODEL")  # model_patcher.HostedFullBody
NeoAnchor = io.Custom("NEO_ANCHOR")  # pipelines.full_body.Anchor
NeoVideoLatent = io.Custom("NEO_VIDEO_LATENT")  # pipelines.full_body.PerformedLatents


def genuine(value: object, kind: type[Value], socket: str, source: str) -> Value:
    """The value of a socket. Raises InputError when it is not what the node `source` makes."""
    if not isinstance(value, kind):
        raise InputError(f"input {socket} holds {type(value).__name__}; expected the output of {source}")
    return value
