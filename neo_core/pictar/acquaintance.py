"""Is it still the same person? Told by the shape of the head, which neither pose nor expression changes.

A face that comes back after a gap, or jumps to another place, may be somebody else's: consent does not go along with a
chair. So faces are looked at run by run, and a run counts only when a few of its frames, fitted with an open mind, show
the head of the first run. On made-up people in any light, three frames turned by less than 25 degrees knew nine returns
in ten again, and took six strangers in a thousand for the person; so whoever is not known again at once is looked at
again, and nobody is given the benefit of the doubt.
"""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from ..geometry.head_model import HeadModel
from ..governance.portrait import LIKENESS_APART, likeness_distance
from .age_net import looks_like_a_child
from .analysis import Face
from .fit import fit_head

RUN = 50  # faces that are judged together, at most: two seconds
AFRESH = 10  # and as long as the person is not known again, so that it is tried again soon
LOOKS = 3  # of which so many are fitted: those that are turned least
FRONTAL = 25.0  # degrees: beyond them a shape is told badly
ADRIFT = 0.45  # distance that no run of the same person has reached, for one that goes on without a gap
LEAP = 0.5  # of a face's side: farther than it moves, or grows, from one frame to the next


class Acquaintance:
    """A person, as the first run of frames that shows the face tells."""

    def __init__(self, model: HeadModel, size: tuple[int, int]) -> None:
        """For pictures of (height, width)."""
        self._model, self._size = model, size
        self.likeness: tuple[float, ...] = ()
        self.returns: dict[int, tuple[float, ...]] = {}  # frames with which the person comes back, and how they look
        self.strangers: list[tuple[int, int]] = []  # first and last frame of runs that may show somebody else

    def only(self, faces: Iterable[Face | None]) -> Iterator[Face | None]:
        """The faces of frames in their order, None in the place of somebody else's or a child's; up to `RUN` ahead."""
        frame, there = 0, False

        def longest(follows: bool) -> int:
            return RUN if not self.likeness or (follows and there) else AFRESH

        for run, follows in runs(faces, longest):
            if not run:
                frame, there = frame + 1, False
                yield None
                continue
            there = self._is_known(run, frame, follows and there)
            if not there:
                self._met_a_stranger(frame, frame + len(run) - 1)
            frame += len(run)
            yield from (face if there else None for face in run)

    def _met_a_stranger(self, first: int, last: int) -> None:
        if self.strangers and self.strangers[-1][1] == first - 1:
            first = self.strangers.pop()[0]
        self.strangers.append((first, last))

    def alone(self, first: int, last: int) -> bool:
        """Whether nobody else was seen in the frames from the first to the last."""
        return not any(begin <= last and first <= end for begin, end in self.strangers)

    def _is_known(self, run: list[Face], frame: int, went_on: bool) -> bool:
        """Whether a run, which begins with a frame, shows the person; if it is a return, that is noted."""
        best = sorted(run, key=lambda face: float(face.pose[:2].abs().amax()))[:LOOKS]
        if self.likeness and sum(map(looks_like_a_child, best)) * 2 > len(best):
            return False
        if went_on and float(best[0].pose[:2].abs().amax()) > FRONTAL:
            return True  # too far turned to be told, but nothing has jumped
        looks = likeness_of(self._model, best, self._size)
        if not self.likeness:
            self.likeness = looks
            return True
        apart = likeness_distance(looks, self.likeness)
        if not went_on and apart <= LIKENESS_APART:
            self.returns[frame] = looks
        return apart <= (ADRIFT if went_on else LIKENESS_APART)


def likeness_of(model: HeadModel, faces: list[Face], size: tuple[int, int]) -> tuple[float, ...]:
    """The shape of one person's head in pictures of (height, width): identity coefficients, by the median of fits that
    know nothing of one another."""
    fits = [fit_head(model, face.landmarks, face.sigma, size).identity for face in faces]
    return tuple(torch.stack(fits).median(0).values.tolist())


def runs(faces: Iterable[Face | None], longest: Callable[[bool], int]) -> Iterator[tuple[list[Face], bool]]:
    """Faces without a gap or a leap between them, and whether they follow right on those before; an empty list for each
    frame without a face. `longest` tells how many there may be in a run that does, or does not, follow on."""
    run: list[Face] = []
    follows = False
    for face in faces:
        if run and (face is None or len(run) >= longest(follows) or leaps(run[-1].box, face.box)):
            yield run, follows
            follows = face is not None and not leaps(run[-1].box, face.box)
            run = []
        if face is None:
            yield [], False
            follows = False
        else:
            run.append(face)
    if run:
        yield run, follows


def leaps(before: Tensor, now: Tensor) -> bool:
    """Whether a box [4] is farther from the one before, or of another size, than a head moves in a frame."""
    (low, high), (low_now, high_now) = before.view(2, 2), now.view(2, 2)
    side = float((high - low).amax())
    shift = float(((low + high) / 2 - (low_now + high_now) / 2).norm())
    return shift > LEAP * side or abs(float((high_now - low_now).amax()) - side) > LEAP * side
