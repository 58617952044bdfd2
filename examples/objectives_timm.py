"""An objective in the place of timm's losses, with mixup's soft targets.

python examples/objectives_timm.py
"""

from __future__ import annotations

import timm
import torch
from torch import Tensor

from longtailor.objectives import build_from_matrix


def images(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw small images with a common red, a rarer green and a rare blue square."""
    generator = torch.Generator().manual_seed(seed)
    cells = torch.rand((count, 3), generator=generator) < torch.tensor([0.5, 0.15, 0.03])
    pictures = 0.3 * torch.randn((count, 3, 32, 32), generator=generator)
    corner = torch.randint(0, 20, (count, 3), generator=generator).tolist()
    for row, column in cells.nonzero().tolist():
        at = corner[row][column]
        pictures[row, column, at : at + 12, at : at + 12] += 1.5
    return pictures, cells.float()


def main() -> None:
    torch.manual_seed(0)
    pictures, cells = images(384, seed=0)
    test_pictures, test_cells = images(512, seed=1)
    model = timm.create_model("resnet10t", pretrained=False, num_classes=3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    objective = build_from_matrix("asl+inverse_sqrt:reading=label", cells.numpy())

    for epoch in range(5):
        model.train()
        losses = []
        for rows in torch.randperm(len(pictures)).chunk(8):
            share = float(torch.distributions.Beta(0.2, 0.2).sample())
            x, y = pictures[rows], cells[rows]
            mixed, soft = share * x + (1 - share) * x.flip(0), share * y + (1 - share) * y.flip(0)
            optimizer.zero_grad()
            loss = objective(model(mixed), soft)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: loss {sum(losses) / len(losses):.4f}")

    model.eval()
    with torch.no_grad():
        found = (model(test_pictures) > 0) & (test_cells == 1)
    shares = (found.sum(0) / test_cells.sum(0)).tolist()
    print("share of positives found at 0.5:", [round(share, 2) for share in shares])


if __name__ == "__main__":
    main()
