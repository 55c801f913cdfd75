"""The sound stage: log-mel, prosody, and the embedded audio encoder."""
