"""Lazy caching: the network sees a piece of its input at a time, and every activation is computed once.

In time, each convolution keeps the last moments of its input. In tiles, taken row by row from the top left, each keeps
the edge of its input that the tiles to the right and below will need, and leaves the results at that edge to them:
deeper layers lag behind by a place per convolution, and the last tile of a row or column catches up. Both are exact.

A cache belongs to one video. It is opened (`causal_conv.piecewise`) for each piece, so that two videos may take turns.
"""

from collections.abc import Hashable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .causal_conv import CausalConv3d, Sum, with_past


class TimeCache:
    """Slices in time. It remembers as much for a long video as for a short one."""

    def __init__(self) -> None:
        self._past: dict[Hashable, Tensor] = {}

    def convolve(self, layer: CausalConv3d, x: Tensor) -> Tensor:
        return layer.around(self.remembering(x, layer.past, layer))

    def add(self, _layer: Sum, x: Tensor, residue: Tensor) -> Tensor:
        return x + residue

    def remembering(self, x: Tensor, moments: int, place: Hashable) -> Tensor:
        """A slice with the moments before it, as many as a layer at that place looks back over."""
        if moments == 0:
            return x
        known = self._past.get(place)
        x = with_past(x, moments) if known is None else torch.cat((known, x), dim=2)
        self._past[place] = x[:, :, -moments:].clone()  # a view would keep all of x alive
        return x


class Edges:
    """What one layer keeps of its input for the tiles to come: the last rows, the last columns."""

    def __init__(self) -> None:
        self._above: Tensor | None = None  # [..., rows, W] of the row of tiles above
        self._next: list[Tensor] = []  # the same of this row, tile by tile
        self._left: Tensor | None = None  # [..., H, columns] of the tile to the left, what it took from above included
        self._column = 0  # where the next tile of this row begins

    def new_row(self) -> None:
        """A row of tiles is complete; the one below it comes."""
        self._above, self._left, self._column = torch.cat(self._next, dim=-1), None, 0
        self._next = []

    def below_known(self, x: Tensor) -> Tensor:
        """A new tile with the rows that were kept above it."""
        if self._above is None:
            return x
        return torch.cat((self._above[..., self._column : self._column + x.shape[-1]], x), dim=-2)

    def keep_rows(self, x: Tensor, begin: int) -> None:
        """Keep the rows from `begin` on of a tile that `below_known` widened."""
        self._next.append(x[..., begin:, :].clone())
        self._column += x.shape[-1]

    def beside_known(self, x: Tensor) -> Tensor:
        """That tile with the columns that were kept to its left too."""
        return x if self._left is None else torch.cat((self._left, x), dim=-1)

    def keep_columns(self, x: Tensor, begin: int) -> None:
        """Keep the columns from `begin` on of a tile that `beside_known` widened."""
        self._left = x[..., begin:].clone()


class TileCache:
    """Tiles of a slice in time. Tell it where the tile lies (`at`) before each one."""

    def __init__(self) -> None:
        self._edges: dict[nn.Module, Edges] = {}
        self._time = TimeCache()
        self._row = self._column = 0
        self._last_row = self._last_column = True

    def at(self, row: int, rows: int, column: int, columns: int) -> None:
        """The next tile: its place among the rows and columns of tiles. They come row by row, from the left; the tile
        after the last one is the first of the next slice in time."""
        if row == column == 0:
            self._edges.clear()
        elif column == 0:
            for edges in self._edges.values():
                edges.new_row()
        self._row, self._last_row = row, row == rows - 1
        self._column, self._last_column = column, column == columns - 1

    def convolve(self, layer: CausalConv3d, x: Tensor) -> Tensor:
        edges = self._edges.setdefault(layer, Edges())
        _, high, wide = layer.padding
        x = F.pad(edges.below_known(x), (0, 0, high * (self._row == 0), high * self._last_row))
        rows = max(0, x.shape[-2] - 2 * high)  # of the result
        edges.keep_rows(x, rows)
        x = F.pad(edges.beside_known(x), (wide * (self._column == 0), wide * self._last_column))
        columns = max(0, x.shape[-1] - 2 * wide)
        edges.keep_columns(x, columns)
        x = self._time.remembering(x, layer.past, (layer, self._row, self._column))
        if rows == 0 or columns == 0:  # this tile is narrower than the lag
            return x.new_empty(x.shape[0], layer.out_channels, x.shape[2] - layer.past, rows, columns)
        return layer.inside(x)

    def add(self, layer: Sum, x: Tensor, residue: Tensor) -> Tensor:
        """The residue lags behind: what it has not come to yet of x is kept."""
        edges = self._edges.setdefault(layer, Edges())
        rows, columns = residue.shape[-2:]
        x = edges.below_known(x)
        edges.keep_rows(x, rows)
        x = edges.beside_known(x)
        edges.keep_columns(x, columns)
        return x[..., :rows, :columns] + residue
