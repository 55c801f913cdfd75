"""The latent space of NEO 2: what one latent of the video autoencoder covers.

All latents are alike: latent k stands for the frames 4 k .. 4 k + 3, the first one too. A still picture is four
equal frames, its latent is the *anchor*.
"""

from ..timebase import FEATURE_RATE

SIZE = 128  # height and width of the pictures, in pixels
CHANNELS = 16  # numbers per cell of a latent
CELL = 4  # a cell is a square of this many pixels
FRAMES = 4  # video frames per latent
RATE = 25  # video frames per second
HEARD = FEATURE_RATE * FRAMES // RATE  # feature frames of the sound per latent


def latent_count(frames: int) -> int:
    """How many latents hold a number of video frames; the last one may be filled only in part."""
    return -(-frames // FRAMES)


def frame_count(latents: int) -> int:
    """How many video frames a number of latents is decoded to."""
    return FRAMES * latents
