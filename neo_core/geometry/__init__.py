"""What both Pictar and the people factory stand on: head model, camera, rasteriser, projected flow."""
