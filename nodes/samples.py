"""The bundled samples as nodes, so that every workflow runs before anything is put into the input folder."""

from pathlib import Path

from comfy_api.v0_0_2 import io

from ..neo_core.media.audio import read_waveform
from ..neo_core.media.image import read_photo
from .inputs import chosen
from .media import to_audio, to_image

FOLDER = Path(__file__).parents[1] / "neo_core" / "samples"
PORTRAITS = ("portrait", "painting")
HALF_BODY = "half_body"  # the same from head to waist, for NEO 2


class SamplePortrait(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_SamplePortrait",
            display_name="Sample Portrait",
            category="NEO/samples",
            description="A person who does not exist, as a photo, a painting, or from head to waist for NEO 2; consent "
            "for each came with the pack.",
            search_aliases=["example image"],
            inputs=[
                io.Combo.Input(
                    "sample",
                    options=[*PORTRAITS, HALF_BODY],
                    default=PORTRAITS[0],
                    tooltip="The photo, the painting, or the person from head to waist",
                )
            ],
            outputs=[io.Image.Output("photo", tooltip="The picture, as Load Image would give it")],
        )

    @classmethod
    def execute(cls, sample):
        return io.NodeOutput(sample_image(chosen(sample, (*PORTRAITS, HALF_BODY), "sample")))


class SamplePortraits(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_SamplePortraits",
            display_name="Sample Portraits",
            category="NEO/samples",
            description="Both bundled pictures, one after the other: whatever is connected runs once for each.",
            search_aliases=["batch", "example images"],
            inputs=[],
            outputs=[
                io.Image.Output("photos", is_output_list=True, tooltip="A list: the next nodes run once per picture")
            ],
        )

    @classmethod
    def execute(cls):
        return io.NodeOutput([sample_image(name) for name in PORTRAITS])


class SampleSpeech(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_SampleSpeech",
            display_name="Sample Speech",
            category="NEO/samples",
            description="A synthetic voice, about twelve seconds of English.",
            search_aliases=["example audio"],
            inputs=[],
            outputs=[
                io.Audio.Output("audio", tooltip="The recording, as Load Audio would give it"),
                io.String.Output("text", tooltip="What is said"),
            ],
        )

    @classmethod
    def execute(cls):
        text = (FOLDER / "speech.txt").read_text(encoding="utf-8").strip()
        return io.NodeOutput(to_audio(read_waveform(FOLDER / "speech.flac")), text)


def sample_image(name: str):
    """A bundled picture as an IMAGE. [1, H, W, 3]"""
    return to_image(read_photo(FOLDER / f"{name}.jpg"))
