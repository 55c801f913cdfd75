"""What ComfyUI was started with."""

from argparse import Namespace

args = Namespace(multi_user=False)
