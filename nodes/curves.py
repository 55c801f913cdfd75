"""ComfyUI's CURVE as numbers over time."""

from comfy_api.input import CurveInput

from ..neo_core.data_types import InputError

POINTS = 256


def over_time(curve: object) -> tuple[float, ...] | None:
    """A curve read at equal distances, 0 to 1; None when there is none. Raises InputError when it is no curve."""
    if curve is None:
        return None
    try:
        values = CurveInput.from_raw(curve).to_lut(POINTS)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"a guidance curve holds {curve!r:.60}; expected the output of a Curve Editor") from error
    return tuple(min(max(float(value), 0.0), 1.0) for value in values)
