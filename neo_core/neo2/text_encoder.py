"""The words of a prompt -> tokens, small enough to be trained from nothing together with what listens to it.

A word is the bag of its letter trigrams, each hashed to a row of one table (as in DSSM, CIKM 2013): there is no
vocabulary, so a new word is read by what it shares with known ones, and any script has trigrams. Two transformer
layers then read the words in their order.

Letters: B batch, W words, G trigrams of a word, D width inside, P tokens that leave, E their width.
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
    pieces = [word[k : k + LETTERS] for word in _words(prompt) for k in range(0, len(word), LETTERS)][:WORDS]
    rows = torch.zeros(len(pieces), TRIGRAMS, dtype=torch.int64)
    for row, piece in zip(rows, pieces, strict=True):
        edged = f"<{piece}>"
        for k in range(len(piece)):
            row[k] = 1 + zlib.crc32(edged[k : k + 3].encode()) % (BUCKETS - 1)
    return rows


def places(prompt: str) -> int:
    """How many of the `WORDS` places a prompt would take: one for every `LETTERS` letters of a word."""
    return sum(-(-len(word) // LETTERS) for word in _words(prompt))


def _words(prompt: str) -> list[str]:
    return WORD.findall(unicodedata.normalize("NFKC", prompt).casefold())


def pad_words(prompts: list[Tensor]) -> Tensor:
    """Prompts of [W, G] each -> one batch [B, W, G], the shorter ones with empty words at the end."""
    return nn.utils.rnn.pad_sequence(prompts, batch_first=True)


@dataclass(frozen=True)
class TextConfig:
    """Sizes of the text encoder."""

    width: int = 96
    depth: int = 2
    heads: int = 3
    tokens: int = 8  # that leave
    outputs: int = 128  # their width


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
    """Tokenised prompts -> a fixed number of tokens, which learned questions gather from the words.

    Beside the words stands a learned "nothing": it is all there is of a prompt that is left out or has no words. Empty
    words are not seen, so however a batch is padded, the tokens are the same and none of them needs a mask.
    """

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.trigrams = nn.Embedding(BUCKETS, width, padding_idx=0)
        self.places = nn.Parameter(0.02 * torch.randn(WORDS, width))
        self.nothing = nn.Parameter(torch.randn(width))
        self.layers = nn.ModuleList(TextLayer(config) for _ in range(config.depth))
        self.norm = RMSNorm(width)
        self.questions = nn.Parameter(torch.randn(config.tokens, width))
        self.answers = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, config.outputs)

    def forward(self, words: Tensor, prompted: Tensor) -> Tensor:
        """[B, W, G], [B] bool -> [B, P, E]"""
        filled = (words > 0).any(-1) & prompted[:, None]  # [B, W]
        letters = (words > 0).sum(-1, keepdim=True).clamp(min=1)
        named = self.trigrams(words).sum(-2) * letters.rsqrt() + self.places[: words.shape[1]]
        x = torch.cat((self.nothing.expand(len(words), 1, -1), named), dim=1)
        present = torch.cat((torch.ones_like(prompted)[:, None], filled), dim=1)
        for layer in self.layers:
            x = layer(x, present)
        k, v = (split_heads(part, self.heads) for part in self.answers(self.norm(x)).chunk(2, dim=-1))
        q = split_heads(self.questions.to(k.dtype).expand(len(words), -1, -1), self.heads)
        return self.out(join_heads(attention(q, k, v, mask=present[:, None, None])))
