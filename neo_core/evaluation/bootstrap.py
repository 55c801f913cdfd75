"""How far a figure could be off because these samples were drawn and no others: a bootstrap over whole groups.

Films of one person are alike, so people are drawn anew, with replacement, and with each of them all of their films
(cluster bootstrap, Davison and Hinkley 1997, 3.8). Distances between distributions come out a little larger in every
draw than over all samples, in which nothing is there twice; of a ratio of two this drops out.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import torch

ROUNDS = 300
SHARE = 0.95


class Range(NamedTuple):
    """Where the middle 95 % of draws lie."""

    low: float
    high: float


def bootstrap(
    groups: Sequence[Hashable], statistic: Callable[[list[int]], float], rounds: int = ROUNDS, seed: int = 0
) -> Range:
    """The range of a statistic of samples, given by their numbers; `groups` tells for each sample whom it shows."""
    members: dict[Hashable, list[int]] = {}
    for number, group in enumerate(groups):
        members.setdefault(group, []).append(number)
    everyone, dice = list(members.values()), torch.Generator().manual_seed(seed)
    found = []
    for _ in range(rounds):
        drawn = torch.randint(len(everyone), (len(everyone),), generator=dice).tolist()
        found.append(statistic([number for k in drawn for number in everyone[k]]))
    edges = torch.tensor([(1 - SHARE) / 2, (1 + SHARE) / 2], dtype=torch.float64)
    return Range(*torch.tensor(found, dtype=torch.float64).quantile(edges).tolist())
