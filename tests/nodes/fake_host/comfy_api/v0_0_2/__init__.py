"""The numbered API a pack pins itself to; here it is the latest one."""

from comfy_api.latest import *  # noqa: F403
from comfy_api.latest import __all__  # noqa: F401
