"""Weights on disk: safetensors files with their config inside, and the manifest of those that ship with NEO."""
