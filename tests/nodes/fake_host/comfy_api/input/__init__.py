"""The value of a CURVE: numbers over 0..1, drawn through control points."""

from abc import ABC, abstractmethod

import numpy as np

CurvePoint = tuple[float, float]


class CurveInput(ABC):
    @property
    @abstractmethod
    def points(self) -> list[CurvePoint]: ...

    @abstractmethod
    def interp(self, x): ...

    def interp_array(self, xs) -> np.ndarray:
        return np.array([self.interp(float(x)) for x in xs])

    def to_lut(self, size=256) -> np.ndarray:
        return self.interp_array(np.linspace(0, 1, size))

    @staticmethod
    def from_raw(data):
        if isinstance(data, CurveInput):
            return data
        points, kind = (data["points"], data.get("interpolation")) if isinstance(data, dict) else (data, None)
        return (LinearCurve if kind == "linear" else MonotoneCubicCurve)([(float(x), float(y)) for x, y in points])


class LinearCurve(CurveInput):
    def __init__(self, control_points) -> None:
        self._points = sorted(control_points)

    @property
    def points(self) -> list[CurvePoint]:
        return list(self._points)

    def interp(self, x) -> float:
        return float(np.interp(x, *zip(*self._points, strict=True))) if self._points else 0.0


class MonotoneCubicCurve(LinearCurve):
    """Fritsch-Carlson: a cubic through the points that never overshoots them."""

    def interp(self, x) -> float:
        if len(self._points) < 2 or not self._points[0][0] < x < self._points[-1][0]:
            return super().interp(x)
        xs, ys = np.array(self._points).T
        index = int(np.searchsorted(xs, x, side="right")) - 1
        width = xs[index + 1] - xs[index]
        t = (x - xs[index]) / width
        start, end = self._slopes(xs, ys)[index : index + 2] * width
        rise = ys[index + 1] - ys[index]
        return float(ys[index] + t * (start + t * (3 * rise - 2 * start - end + t * (start + end - 2 * rise))))

    @staticmethod
    def _slopes(xs, ys) -> np.ndarray:
        secants = np.diff(ys) / np.diff(xs)
        slopes = np.concatenate([secants[:1], (secants[:-1] + secants[1:]) / 2, secants[-1:]])
        slopes[1:-1][secants[:-1] * secants[1:] <= 0] = 0
        for index, secant in enumerate(secants):
            pair = slopes[index : index + 2]  # a view: what is written here stays
            steepness = np.hypot(*pair) / abs(secant) if secant else np.inf
            pair *= 3 / steepness if steepness > 3 else 1
        return slopes
