"""NEO's engine: audio-driven avatars in plain PyTorch. It knows nothing of ComfyUI; `nodes/` adapts it."""
