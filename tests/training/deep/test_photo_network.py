from __future__ import annotations

import copy

import pytest
import timm
import torch

from longtailor.classifiers import LinearClassifier
from longtailor.encoders.preprocessing import Preprocessing
from longtailor.training.deep.photo_network import (
    FoldedConvolution,
    TrainedPhotoNetwork,
    fold_frozen,
)

HALF = (0.5, 0.5, 0.5)


def network(name="test_efficientnet"):
    torch.manual_seed(0)
    made = timm.create_model(name, num_classes=0).train()
    with torch.no_grad():
        for _ in range(5):
            made(torch.randn(4, 3, 64, 64) * 2 + 1)
    return made.eval()


def trained(made, *, mirrored=False):
    dim = made(torch.zeros(1, 3, 64, 64)).shape[1]
    classifier = LinearClassifier(torch.randn(5, dim), torch.randn(5))
    return TrainedPhotoNetwork(
        made, classifier, Preprocessing(64, "bilinear", HALF, HALF), mirrored=mirrored
    )


@pytest.mark.parametrize("name", ["test_efficientnet", "tf_efficientnet_lite0", "resnet18"])
def test_folding_changes_neither_outputs_nor_gradients(name):
    plain = network(name)
    apart = copy.deepcopy(plain)
    folded = fold_frozen(plain, 64)
    assert any(isinstance(module, FoldedConvolution) for module in folded.modules())
    photos = torch.randn(2, 3, 64, 64)
    folded(photos).square().mean().backward()
    apart(photos).square().mean().backward()
    assert torch.allclose(folded(photos), apart(photos), rtol=1e-3, atol=1e-4)
    theirs = dict(apart.named_parameters())
    for key, parameter in plain.named_parameters():
        scale = theirs[key].grad.abs().max()
        assert torch.allclose(parameter.grad, theirs[key].grad, rtol=2e-3, atol=2e-4 * scale), key


def test_networks_without_such_pairs_come_back_as_they_are():
    vit = timm.create_model("test_vit", num_classes=0).eval()
    size = vit.pretrained_cfg["input_size"][-1]
    folded = fold_frozen(vit, size)
    photos = torch.randn(1, 3, size, size)
    assert torch.allclose(folded(photos), vit(photos), rtol=1e-4, atol=1e-5)


def test_tensors_are_shared_and_listed_once():
    made = network()
    whole = trained(made)
    assert len(list(whole.parameters())) == len(list(made.parameters())) + 2
    copied = copy.deepcopy(whole)
    shared = {id(parameter) for parameter in copied.parameters()}
    assert {id(parameter) for parameter in copied.original[0].parameters()} < shared
    assert not shared & {id(parameter) for parameter in whole.parameters()}


def test_training_leaves_the_statistics_alone():
    made = network()
    before = {name: buffer.clone() for name, buffer in made.named_buffers()}
    whole = trained(made).train()
    whole(torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)).sum().backward()
    assert all(torch.equal(before[name], buffer) for name, buffer in made.named_buffers())


def test_logits_are_those_of_the_classifier():
    whole = trained(network()).eval()
    photos = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    embeddings = whole.original[0]((photos / 255 - 0.5) / 0.5)
    assert torch.allclose(whole(photos), whole.classifier(embeddings), rtol=1e-3, atol=1e-3)


def test_mirrored_embeddings_do_not_tell_sides():
    whole = trained(network(), mirrored=True).eval()
    photos = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    assert torch.allclose(whole(photos), whole(photos.flip(3)), rtol=1e-4, atol=1e-4)
    whole.train()
    assert not torch.allclose(whole(photos), whole(photos.flip(3)), rtol=1e-4, atol=1e-4)
