"""VOCAL: sound and identity in, motion latents out."""

from .loading import load_vocal
from .sampler import generate_motion, generate_windows

__all__ = ["generate_motion", "generate_windows", "load_vocal"]
