"""An objective in a Lightning module: it moves, saves and loads with the module.

python examples/objectives_lightning.py
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from longtailor.objectives import build_from_matrix

try:
    import lightning
except ImportError:
    print("This example needs Lightning: pip install lightning")
    sys.exit(0)


class Classifier(lightning.LightningModule):
    """A linear classifier trained with an objective."""

    def __init__(self, name: str, cells: Tensor) -> None:
        super().__init__()
        self.model = nn.Linear(8, cells.shape[1])
        self.objective = build_from_matrix(name, cells.numpy())

    def on_train_epoch_start(self) -> None:
        """Tell the objective, for what starts at a given epoch."""
        self.objective.set_epoch(self.current_epoch)

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """Give the loss of a batch."""
        features, cells = batch
        loss: Tensor = self.objective(self.model(features), cells)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Train the classifier; an objective has nothing to train."""
        return torch.optim.Adam(self.model.parameters(), lr=0.02)


def main() -> None:
    lightning.seed_everything(0)
    features = torch.randn(2000, 8)
    odds = 2 * features[:, :3] + torch.tensor([0.0, -2.0, -5.0])
    cells = (torch.rand(2000, 3) < odds.sigmoid()).float()
    loader = DataLoader(TensorDataset(features, cells), batch_size=256, shuffle=True)
    for name in ("none", "asl+effective_number:beta=0.99,defer=5"):
        classifier = Classifier(name, cells)
        trainer = lightning.Trainer(
            max_epochs=20,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(classifier, loader)
        with torch.no_grad():
            found = ((classifier.model(features) > 0) & (cells == 1)).sum(0) / cells.sum(0)
        print(name, "finds at 0.5:", [round(share, 2) for share in found.tolist()])


if __name__ == "__main__":
    main()
