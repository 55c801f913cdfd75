"""VOCAL: sound and identity in, motion latents out."""

from .sampler import generate_motion, generate_windows
from .unified_mmdit import load_vocal

__all__ = ["generate_motion", "generate_windows", "load_vocal"]
