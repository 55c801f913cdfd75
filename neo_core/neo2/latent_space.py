"""The latent space of NEO 2: what one latent of the video autoencoder covers.

All latents are alike: latent k stands for the frames 4 k .. 4 k + 3, the first one too. They say how the video differs
from a still picture, the *anchor*, which is known by a code of its own (of four equal frames).
"""

from torch import Size

from ..timebase import FEATURE_RATE

SIZE = 128  # height and width of the pictures, in pixels
CHANNELS = 16  # numbers per cell of a latent
CELL = 4  # a cell of a picture's code is a square of this many pixels
COARSE = 4  # cells of a code that are one of a latent, in each direction
FRAMES = 4  # video frames per latent
RATE = 25  # video frames per second
HEARD = FEATURE_RATE * FRAMES // RATE  # feature frames of the sound per latent


def latent_shape(anchor: Size) -> tuple[int, int, int]:
    """The size [C, h, w] of latents beside the code of an anchor [..., C, 4h, 4w]."""
    return (anchor[-3], anchor[-2] // COARSE, anchor[-1] // COARSE)


def latent_count(frames: int) -> int:
    """How many latents hold a number of video frames; the last one may be filled only in part."""
    return -(-frames // FRAMES)


def frame_count(latents: int) -> int:
    """How many video frames a number of latents is decoded to."""
    return FRAMES * latents
