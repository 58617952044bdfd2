"""An objective in Hugging Face's Trainer, through `compute_loss_func`.

python examples/objectives_transformers.py
"""

from __future__ import annotations

import sys
import tempfile
from typing import Any

import torch
from torch import Tensor, nn

from longtailor.objectives import build_from_matrix

try:
    from transformers import Trainer, TrainingArguments
except ImportError:
    print("This example needs transformers: pip install 'transformers[torch]'")
    sys.exit(0)


class Classifier(nn.Module):
    """Any model whose output has logits; a transformer in real life."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(8, labels)

    def forward(self, features: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """Give the logits; the Trainer takes the labels out where it computes the loss."""
        return {"logits": self.linear(features)}


def main() -> None:
    torch.manual_seed(0)
    features = torch.randn(1000, 8)
    odds = 2 * features[:, :3] + torch.tensor([0.0, -2.0, -5.0])
    cells = (torch.rand(1000, 3) < odds.sigmoid()).long()
    cells[torch.rand(1000, 3) < 0.1] = -1
    objective = build_from_matrix("effective_number:beta=0.99", cells.numpy())

    def compute_loss(outputs: dict[str, Tensor], labels: Tensor, **_: Any) -> Tensor:
        loss: Tensor = objective(outputs["logits"], labels)
        return loss

    rows = [{"features": x, "labels": y} for x, y in zip(features, cells, strict=True)]
    model = Classifier(3)
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=64,
            num_train_epochs=15,
            learning_rate=0.02,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=0,
        )
        trainer = Trainer(
            model=model, args=settings, train_dataset=rows, compute_loss_func=compute_loss
        )
        result = trainer.train()
    positive = cells == 1
    with torch.no_grad():
        found = ((model.linear(features) > 0) & positive).sum(0) / positive.sum(0)
    print(f"mean training loss {result.training_loss:.3f}")
    print("share of positives found at 0.5:", [round(share, 2) for share in found.tolist()])


if __name__ == "__main__":
    main()
