"""ComfyUI's CURVE as numbers over time."""

import math

from comfy_api.input import CurveInput

from ..neo_core.data_types import InputError

POINTS = 256


def over_time(curve: object) -> tuple[float, ...] | None:
    """A curve read at equal distances, 0 to 1; None when there is none. Raises InputError when it is no curve."""
    if curve is None:
        return None
    try:
        drawn = CurveInput.from_raw(curve)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _unusable(curve) from error
    values = [float(value) for value in drawn.to_lut(POINTS)]
    if not drawn.points or not all(map(math.isfinite, values)):
        raise _unusable(curve)
    return tuple(min(max(value, 0.0), 1.0) for value in values)


def _unusable(curve: object) -> InputError:
    return InputError(f"a guidance curve holds {repr(curve)[:60]}; expected the output of a Curve Editor")
