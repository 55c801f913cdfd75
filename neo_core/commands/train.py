"""`train NAME`: the recipes of the shipped weights, and the manifest that describes them."""

import argparse

from ..data_types import InputError
from ..weights.manifest import FOLDER, MANIFEST, refresh
from . import recipes

RECIPES = {  # name -> module below `training`
    "head-model": "head_model",
    "analysis": "analysis",
    "audio-encoder": "audio_encoder",
    "vocal": "vocal",
    "vocal-exam": "vocal_exam",
    "identity-exam": "identity_truth",
    "guidance-exam": "guidance_sweep",
    "emotion-exam": "emotion_exam",
    "habits-exam": "habits_exam",
    "live-exam": "live_exam",
    "refiner": "refiner",
    "volumetric": "volumetric",
    "keypoint-renderer": "keypoint_renderer",
    "neo2-motion": "motion_codec",
    "neo2-decoder": "motion_decoder",
    "neo2-frames": "frame_interpolation",
    "neo2-vae": "video_vae",
    "neo2": "neo2",
    "neo2-prosody": "neo2_prosody",
    "neo2-schedule": "neo2_schedule",
    "mouth-reader": "mouth_reader",
    "continuum-grid": "continuum_grid",
    "age": "age",
    "age-exam": "age_exam",
    "enrolment-exam": "enrolment_truth",
    "sample-consent": "sample_consent",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    recipes.add_arguments(parser, RECIPES, ("manifest",))


def execute(arguments: argparse.Namespace) -> int:
    if arguments.name != "manifest":
        recipes.run("train", RECIPES, arguments.name, arguments.options)
    elif arguments.options:
        raise InputError(f"train manifest takes no options, got {' '.join(arguments.options)}; expected none")
    else:
        print(f"{FOLDER / MANIFEST}: {', '.join(refresh()) or 'nothing'} changed")
    return 0
