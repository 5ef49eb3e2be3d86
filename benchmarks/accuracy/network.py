"""The small network behind hunches, learned with torch: features of a text, and from them a score for each rule.

A feature sums up words, pairs of words and what the words mean; those that rules share count from 0 upwards, and one feature of
each rule's own counts in both directions, so that the network can do what a linear model does and more. That more halves what is
mistaken: a linear model cannot know that "I'd kill for" is no threat where "kill" and "I'd" speak for one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

SHARED = 32
"""How many features the rules share."""
EPOCHS, BATCH, RATE, DECAY = 4, 256, 0.01, 0.01
UNHEARD, UNSEEN = 0.1, 0.2
"""What share of the grams and of the features is left out at each step, so that none is relied upon alone."""


class Network(NamedTuple):
    """What was learned: of each gram and each dimension of meaning a weight for each feature, the rules' own last; the biases of
    the features; and of each rule a weight for each shared feature, and its constant."""

    grams: Any
    meanings: Any
    biases: Any
    weights: Any
    constants: Any

    def scores(self, rows: Any) -> Any:
        """A row a text, a column a rule."""
        features = np.asarray(rows @ np.vstack([self.grams, self.meanings])) + self.biases
        return np.maximum(features[:, :SHARED], 0) @ self.weights.T + features[:, SHARED:] + self.constants


def learned(rows: Any, meanings: int, true: Any, weights: Any) -> Network:
    """The network for sparse `rows` whose last `meanings` columns are what the words mean. `true` and `weights` have a row a
    text and a column a rule; what weighs nothing is not asked."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    order, rows = np.random.default_rng(0), rows.astype(np.float32).tocsr()
    model = _Model(rows.shape[1] - meanings, meanings, true.shape[1])
    wanted, counts = (torch.from_numpy(one.astype(np.float32)) for one in (true, weights))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    steps = EPOCHS * -(-rows.shape[0] // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.2)
    for _ in range(EPOCHS):
        shuffled = order.permutation(rows.shape[0])
        for start in range(0, len(shuffled), BATCH):
            some = np.sort(shuffled[start : start + BATCH])
            scores = model(*_tensors(rows[some], meanings))
            loss = functional.binary_cross_entropy_with_logits(scores, wanted[some], counts[some])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return model.learned()


class _Model(torch.nn.Module):
    def __init__(self, grams: int, meanings: int, rules: int) -> None:
        super().__init__()
        self.grams = torch.nn.EmbeddingBag(grams, SHARED + rules, mode="sum")
        torch.nn.init.zeros_(self.grams.weight)  # what is seldom said weighs little, in place of anything
        self.meanings = torch.nn.Linear(meanings, SHARED + rules)
        self.rules = torch.nn.Linear(SHARED, rules)

    def forward(self, grams: Any, values: Any, starts: Any, meanings: Any) -> Any:
        values = functional.dropout(values, UNHEARD)
        features = self.grams(grams, starts, per_sample_weights=values) + self.meanings(meanings)
        shared = functional.dropout(functional.relu(features[:, :SHARED]), UNSEEN)
        return self.rules(shared) + features[:, SHARED:]

    def learned(self) -> Network:
        found = (self.grams.weight, self.meanings.weight.T, self.meanings.bias, self.rules.weight, self.rules.bias)
        return Network(*(one.detach().numpy().astype(np.float64) for one in found))


def _tensors(rows: Any, meanings: int) -> tuple[Any, Any, Any, Any]:
    """Some rows as the model takes them: which grams, how much of each, where each row starts, and the meanings."""
    grams = rows[:, :-meanings].tocsr()
    which = [torch.from_numpy(one.astype(np.int64)) for one in (grams.indices, grams.indptr[:-1])]
    return which[0], torch.from_numpy(grams.data), which[1], torch.from_numpy(rows[:, -meanings:].toarray())
