"""Pictures, sound and video, in and out. Nothing here holds a whole sound or a whole video in memory."""
