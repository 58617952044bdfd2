from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from longtailor.classifiers import Block, LinearClassifier
from longtailor.encoders import load_text_encoder
from longtailor.encoders.text_networks import build_text_network
from longtailor.training.deep.optimizer import build_optimizer
from longtailor.training.deep.options import FineTuning
from longtailor.training.deep.text_network import TrainedTextNetwork
from longtailor.training.deep.tokens import LearnedTexts

TEXTS = ["red dress", "a long blue shirt with a bow", "bow"]


def trained(folder: Path) -> TrainedTextNetwork:
    random = torch.Generator().manual_seed(1)
    classifier = LinearClassifier(
        torch.randn(3, 32, generator=random), torch.zeros(3), [Block(32, root=False)]
    )
    return TrainedTextNetwork(build_text_network(str(folder))[0], classifier)


def test_logits_of_padded_batches_are_those_of_each_text_alone(tiny_text_model: Path) -> None:
    encoder = load_text_encoder(str(tiny_text_model), backend="torch")
    network = trained(tiny_text_model).eval()
    tokens = encoder.tokenizer(TEXTS)
    inputs, _, _ = (
        LearnedTexts(tokens, [], *(torch.zeros(3, 3).numpy(),) * 2).training(0).batch([0, 1, 2])
    )
    wanted = network.classifier(torch.from_numpy(encoder.encode(TEXTS)))
    torch.testing.assert_close(network(inputs), wanted, rtol=1e-4, atol=1e-5)


def test_layers_learn_by_depth_and_norms_are_not_decayed(tiny_text_model: Path) -> None:
    network = trained(tiny_text_model)
    (encoder,) = network.original
    options = FineTuning(encoder_rate=0.5, layer_decay=0.8, weight_decay=0.1)
    rates, decays = {}, {}
    for group in build_optimizer(network, options).param_groups:
        for tensor in group["params"]:
            assert id(tensor) not in rates
            rates[id(tensor)], decays[id(tensor)] = group["lr"], group["weight_decay"]
    learning = [tensor for tensor in network.parameters() if tensor.requires_grad]
    assert set(rates) == {id(tensor) for tensor in learning}
    words = encoder.embeddings
    first, last = (layer.output for layer in encoder.encoder.layer)
    assert rates[id(last.dense.weight)] == rates[id(last.LayerNorm.bias)] == 0.5
    assert rates[id(first.dense.weight)] == pytest.approx(0.4)
    assert rates[id(words.word_embeddings.weight)] == pytest.approx(0.32)
    assert decays[id(first.dense.weight)] == decays[id(words.word_embeddings.weight)] == 0.1
    assert decays[id(first.dense.bias)] == decays[id(last.LayerNorm.weight)] == 0.0
    # The rates that texts are trained with where none are asked for.
    chosen = build_optimizer(network, FineTuning()).param_groups
    assert {chosen[-1]["lr"], chosen[-2]["lr"]} == {3e-3}
    assert max(group["lr"] for group in chosen[:-2]) == 1e-4


def test_what_decides_nothing_does_not_learn(tiny_text_model: Path) -> None:
    network = trained(tiny_text_model)
    (encoder,) = network.original
    assert not any(tensor.requires_grad for tensor in encoder.pooler.parameters())
    still = {name for name, one in encoder.named_parameters() if not one.requires_grad}
    assert all(name.startswith("pooler.") for name in still)
    assert all(tensor.grad is None for tensor in network.parameters())


def test_dropout_is_on_while_training(tiny_text_model: Path) -> None:
    network = trained(tiny_text_model)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.5
    inputs = torch.tensor([[2, 4, 3]]), torch.ones(1, 3, dtype=torch.long)
    assert not torch.equal(network.train()(inputs), network(inputs))
    assert torch.equal(network.eval()(inputs), network(inputs))
