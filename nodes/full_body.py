"""NEO 2: a photo of a person, a speech and a prompt become a video of the body that speaks."""

import folder_paths
from comfy_api.v0_0_2 import io

from ..neo_core.governance import FULL_BODY, require_grant
from ..neo_core.neo2.window_layout import FUSIONS
from ..neo_core.pipelines.full_body import (
    SCALES,
    Anchor,
    PerformedLatents,
    continuum_latents,
    denoise_chunk,
    write_latents,
)
from . import inputs, neo2_inputs
from .loaders import EMBEDDED, FOLDER, weights_file
from .media import to_image, to_waveform
from .model_patcher import body_on_device, host_full_body
from .portraits import anchored
from .progress import NodeProgress
from .sockets import NeoAnchor, NeoModel, NeoVideoLatent, NeoVideoModel, genuine
from .video import written

CATEGORY = "NEO/full body"


class LoadNeo2(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        weights = folder_paths.get_filename_list(FOLDER)
        return io.Schema(
            node_id="NEO_LoadNeo2",
            display_name="Load NEO 2",
            category=CATEGORY,
            description="The networks that move a whole body, and the audio encoder they were trained with. The "
            "embedded weights came with this pack (Apache-2.0); nothing is downloaded.",
            search_aliases=["full body", "checkpoint", "weights", "neo2"],
            inputs=[
                io.Combo.Input(
                    "vae",
                    options=[EMBEDDED, *weights],
                    default=EMBEDDED,
                    tooltip="What turns pictures into latents and back: embedded, or a .safetensors file in models/neo",
                ),
                io.Combo.Input(
                    "dit",
                    options=[EMBEDDED, *weights],
                    default=EMBEDDED,
                    tooltip="The diffusion transformer, which makes the latents move: embedded, or a .safetensors file "
                    "in models/neo",
                ),
            ],
            outputs=[
                NeoVideoModel.Output("models", tooltip="NEO 2, for the other nodes of this group"),
                NeoModel.Output("encoder", tooltip="What hears the speech, for Encode Audio"),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, vae, dit):
        files = (weights_file(vae), weights_file(dit))
        return [file and file.edition for file in files]  # ComfyUI keeps this in the prompt

    @classmethod
    def execute(cls, vae, dit):
        hosted = host_full_body(weights_file(vae), weights_file(dit))
        return io.NodeOutput(hosted, hosted.shared)


class EncodeAnchor(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_EncodeAnchor",
            display_name="Encode Anchor",
            category=CATEGORY,
            description="Frames the person in a photo from head to waist and encodes what is seen: who they are, what "
            "they wear and how they are lit.",
            search_aliases=["full body", "identity", "reference image", "vae encode"],
            inputs=[neo2_inputs.models(), inputs.photo(), inputs.consent(), inputs.face()],
            outputs=[
                NeoAnchor.Output("anchor", tooltip="The person, for Chunk Denoiser and Neural Continuum Sync"),
                io.Image.Output("picture", tooltip="The picture that was encoded: all that NEO 2 knows of the person"),
            ],
        )

    @classmethod
    def execute(cls, models, photo, face, consent=None):
        grant = require_grant(consent)
        with body_on_device(models) as engine:
            anchor = anchored(engine, photo, face, grant)
        return io.NodeOutput(anchor, to_image(anchor.picture))


class ChunkDenoiser(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_ChunkDenoiser",
            display_name="Chunk Denoiser",
            category=CATEGORY,
            description="Performs one moment of a speech: a single chunk from noise to latents, without what comes "
            "before or after it.",
            search_aliases=["full body", "sampler", "dit", "diffusion"],
            inputs=[
                *neo2_inputs.performance(),
                neo2_inputs.start(),
                neo2_inputs.chunk(),
                *neo2_inputs.refinements(),
            ],
            outputs=[NeoVideoLatent.Output("latents", tooltip="The moment in latents, for Decode Video")],
        )

    @classmethod
    def execute(cls, models, anchor, speech, seed, steps, prompt, start, chunk, **refined):
        person, heard = genuine(anchor, Anchor, "anchor", "Encode Anchor"), neo2_inputs.heard(speech)
        settings = neo2_inputs.settings(seed, steps, refined, chunk=chunk)
        progress = NodeProgress("step")
        text, first = neo2_inputs.words(prompt, progress), neo2_inputs.latent_at(start)
        with body_on_device(models) as engine:
            latents = denoise_chunk(engine, person, heard, text, settings, first, progress)
        return io.NodeOutput(latents)


class ContinuumSync(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_ContinuumSync",
            display_name="Neural Continuum Sync",
            category=CATEGORY,
            description="Performs a speech of any length: chunks are denoised side by side and made to agree where "
            "they meet, at every step and in latents.",
            search_aliases=["full body", "sampler", "long video", "context windows", "any length"],
            inputs=[
                *neo2_inputs.performance(),
                io.Combo.Input(
                    "fusion",
                    options=list(FUSIONS),
                    default=neo2_inputs.SYNC.fusion,
                    tooltip="How two chunks become one where they overlap. cut: one ends, the other begins; linear and "
                    "pyramid: weighted means; flow: both are moved towards each other first",
                ),
                neo2_inputs.chunk(),
                neo2_inputs.overlap(),
                *neo2_inputs.agreement(),
                *neo2_inputs.refinements(),
            ],
            outputs=[NeoVideoLatent.Output("latents", tooltip="The performance in latents, for Decode Video")],
        )

    @classmethod
    def execute(cls, models, anchor, speech, seed, steps, prompt, fusion, chunk, overlap, **more):
        person, heard = genuine(anchor, Anchor, "anchor", "Encode Anchor"), neo2_inputs.heard(speech)
        agreed = {name: more.pop(name) for name in neo2_inputs.AGREEMENT if name in more}
        settings = neo2_inputs.settings(seed, steps, more, fusion=fusion, chunk=chunk, overlap=overlap, **agreed)
        progress = NodeProgress("step")
        text = neo2_inputs.words(prompt, progress)
        with body_on_device(models) as engine:
            latents = continuum_latents(engine, person, heard, text, settings, progress)
        return io.NodeOutput(latents)


class DecodeVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_DecodeVideo",
            display_name="Decode Video",
            category=CATEGORY,
            description="Turns latents into a video, slice by slice into a file: its frames are never all in memory.",
            search_aliases=["full body", "vae decode", "render"],
            inputs=[
                neo2_inputs.models(),
                neo2_inputs.latents(),
                neo2_inputs.scale(),
                inputs.audio(optional=True),
                neo2_inputs.tile(),
            ],
            outputs=[io.Video.Output("video", tooltip="The performance, with the sound if there is one")],
        )

    @classmethod
    def execute(cls, models, latents, scale, audio=None, tile=0):
        performed = genuine(latents, PerformedLatents, "latents", "Neural Continuum Sync or Chunk Denoiser")
        times, side = inputs.within(scale, SCALES, "scale"), neo2_inputs.cells(tile)
        sound = None if audio is None else to_waveform(audio)
        grant = require_grant(performed.grant)
        with body_on_device(models) as engine:
            video = written(
                grant, lambda path, tell: write_latents(engine, performed, path, sound, times, tell, side), FULL_BODY
            )
        return io.NodeOutput(video)
