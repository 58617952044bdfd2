"""An objective in a plain PyTorch loop, with unknown labels and deferred weights.

python examples/objectives_pytorch.py
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from longtailor.objectives import build_from_matrix

EPOCHS, DEFER = 20, 8


def products(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw features and the cells of four labels, the last two rare, a tenth unknown."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn((count, 8), generator=generator)
    odds = 2 * features[:, :4] + torch.tensor([0.0, -1.0, -5.0, -6.0])
    cells = (torch.rand((count, 4), generator=generator) < odds.sigmoid()).float()
    cells[torch.rand((count, 4), generator=generator) < 0.1] = -1
    return features, cells


def main() -> None:
    features, cells = products(2000, seed=0)
    test_features, test_cells = products(4000, seed=1)
    objective = build_from_matrix(f"effective_number:beta=0.999,defer={DEFER}", cells.numpy())
    torch.manual_seed(0)
    model = nn.Linear(8, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

    for epoch in range(EPOCHS):
        objective.set_epoch(epoch)
        for rows in torch.randperm(len(features)).chunk(16):
            optimizer.zero_grad()
            loss = objective(model(features[rows]), cells[rows])
            loss.backward()
            optimizer.step()

    with torch.no_grad():
        logits = model(test_features)
    known = test_cells >= 0
    positive = test_cells == 1
    found = ((logits > 0) & positive).sum(0) / positive.sum(0)
    print("share of positives found at 0.5:", [round(share, 2) for share in found.tolist()])
    for name, scores in (
        ("as trained", logits.sigmoid()),
        ("corrected", objective.probabilities(logits)),
    ):
        gap = ((scores * known).sum(0) - positive.sum(0)) / positive.sum(0)
        print(f"expected over actual positives, {name}:", [f"{g:+.0%}" for g in gap.tolist()])


if __name__ == "__main__":
    main()
