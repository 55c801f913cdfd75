"""The words of a prompt -> tokens, small enough to be trained from nothing together with what listens to it.

A word is the bag of its letter trigrams, each hashed to a row of one table (as in DSSM, CIKM 2013): there is no
vocabulary, so a new word is read by what it shares with known ones, and any script has trigrams. Two transformer
layers then read the words in their order.

Letters: B batch, W words, G trigrams of a word, D width inside, E width of the tokens that leave.
"""

import re
import unicodedata
import zlib
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..nn.feed_forward import FeedForward
from ..nn.norm import RMSNorm
from ..nn.stream import join_heads, split_heads
from ..runtime.attention import attention

BUCKETS = 2048  # rows of the table; row 0 is padding
WORDS = 24  # words that are read of a prompt
LETTERS = 10  # of a word; a longer one is read in pieces
TRIGRAMS = LETTERS  # of a word with its two edges
WORD = re.compile(r"\w+", re.UNICODE)


def tokenise(prompt: str) -> Tensor:
    """Row numbers of the trigrams of each word, 0 where there is none: int64 [W, G]. No words give [0, G]; what comes
    after the first `WORDS` words is not read."""
    text = unicodedata.normalize("NFKC", prompt).casefold()
    pieces = [word[k : k + LETTERS] for word in WORD.findall(text) for k in range(0, len(word), LETTERS)][:WORDS]
    rows = torch.zeros(len(pieces), TRIGRAMS, dtype=torch.int64)
    for row, piece in zip(rows, pieces, strict=True):
        edged = f"<{piece}>"
        for k in range(len(piece)):
            row[k] = 1 + zlib.crc32(edged[k : k + 3].encode()) % (BUCKETS - 1)
    return rows


def pad_words(prompts: list[Tensor]) -> Tensor:
    """Prompts of [W, G] each -> one batch [B, W, G], the shorter ones with empty words at the end."""
    return nn.utils.rnn.pad_sequence(prompts, batch_first=True)


@dataclass(frozen=True)
class TextConfig:
    """Sizes of the text encoder."""

    width: int = 96
    depth: int = 2
    heads: int = 3
    outputs: int = 128  # width of the tokens that leave


class TextLayer(nn.Module):
    """Attention among the words, then each on its own. [B, W, D], [B, W] bool -> [B, W, D]"""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_norm, self.refine_norm = RMSNorm(config.width), RMSNorm(config.width)
        self.project = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)
        self.feed_forward = FeedForward(config.width, 2)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        q, k, v = (split_heads(part, self.heads) for part in self.project(self.attention_norm(x)).chunk(3, dim=-1))
        x = x + self.out(join_heads(attention(q, k, v, mask=present[:, None, None])))
        return x + self.feed_forward(self.refine_norm(x))


class TextEncoder(nn.Module):
    """Tokenised prompts -> one token for the whole prompt, then one per word.

    A prompt that is left out, or has no words, is the learned token alone; empty words are marked as absent, and
    whoever attends to the tokens must not see them.
    """

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.trigrams = nn.Embedding(BUCKETS, config.width, padding_idx=0)
        self.places = nn.Parameter(0.02 * torch.randn(1 + WORDS, config.width))
        self.whole = nn.Parameter(0.02 * torch.randn(config.width))
        self.nothing = nn.Parameter(0.02 * torch.randn(config.width))
        self.layers = nn.ModuleList(TextLayer(config) for _ in range(config.depth))
        self.norm = RMSNorm(config.width)
        self.out = nn.Linear(config.width, config.outputs)

    def forward(self, words: Tensor, prompted: Tensor) -> tuple[Tensor, Tensor]:
        """[B, W, G], [B] bool -> tokens [B, 1 + W, E] and which of them are there [B, 1 + W]."""
        filled = (words > 0).any(-1) & prompted[:, None]  # [B, W]
        letters = (words > 0).sum(-1, keepdim=True).clamp(min=1)
        named = self.trigrams(words).sum(-2) * letters.rsqrt()  # [B, W, D]
        first = torch.where(filled.any(-1)[:, None], self.whole, self.nothing)[:, None]
        present = torch.cat((torch.ones_like(filled[:, :1]), filled), dim=1)
        x = torch.cat((first, named), dim=1) + self.places[: 1 + words.shape[1]]
        for layer in self.layers:
            x = layer(x, present)
        return self.out(self.norm(x)), present
