from __future__ import annotations

import timm
import torch

from longtailor.classifiers import LinearClassifier
from longtailor.encoders.preprocessing import Preprocessing
from longtailor.training.deep.optimizer import build_optimizer
from longtailor.training.deep.options import FineTuning
from longtailor.training.deep.photo_network import TrainedPhotoNetwork


def test_early_layers_learn_slower_and_every_weight_learns_once():
    network = timm.create_model("test_efficientnet", num_classes=0).eval()
    dim = network(torch.zeros(1, 3, 64, 64)).shape[1]
    classifier = LinearClassifier(torch.randn(3, dim), torch.zeros(3))
    squash = Preprocessing(64, "bilinear", (0.5,) * 3, (0.5,) * 3)
    trained = TrainedPhotoNetwork(network, classifier, squash, mirrored=False)
    options = FineTuning(encoder_rate=0.5, classifier_rate=0.25, layer_decay=0.8, weight_decay=0.1)
    optimizer = build_optimizer(trained, options)
    rates, decays = {}, {}
    for group in optimizer.param_groups:
        for tensor in group["params"]:
            assert id(tensor) not in rates
            rates[id(tensor)], decays[id(tensor)] = group["lr"], group["weight_decay"]
    assert set(rates) == {id(tensor) for tensor in trained.parameters()}
    assert rates[id(classifier.weight)] == rates[id(classifier.bias)] == 0.25
    assert decays[id(classifier.weight)] == 0.1
    assert decays[id(classifier.bias)] == decays[id(network.bn1.weight)] == 0
    stem, last = rates[id(network.conv_stem.weight)], rates[id(network.conv_head.weight)]
    assert stem < rates[id(network.blocks[2][0].conv_exp.weight)] < last == 0.5
