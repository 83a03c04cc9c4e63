"""Networks by name."""

import logging
import sys

import pytest
import torch

from agcore.errors import MissingExtraError, SpecError
from agcore_contrib.vision.networks import names
from agcore_contrib.vision.networks.backbone import Classifier, Head
from agcore_contrib.vision.networks.efficientnet import folded
from agcore_contrib.vision.networks.making import make_backbone, make_classifier
from agcore_contrib.vision.networks.timm_networks import timm_network


@pytest.fixture
def no_timm(monkeypatch):
    """As if timm were not installed."""
    monkeypatch.setitem(sys.modules, "timm", None)
    names.timm_names.cache_clear()
    yield
    names.timm_names.cache_clear()


@pytest.fixture
def pixels():
    return torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)


@pytest.mark.parametrize("name", names.BUNDLED)
def test_each_bundled_network_gives_rows_of_features(name, pixels):
    backbone = make_backbone(name, pretrained=False).eval()
    with torch.inference_mode():
        assert backbone(pixels).shape == (4, backbone.num_features)
    assert not backbone.is_pretrained


def test_the_weights_of_imagenet_know_one_picture_from_another(pixels):
    backbone = make_backbone("efficientnet_lite0").eval()
    assert backbone.is_pretrained
    with torch.inference_mode():
        features = backbone(pixels)
        again = backbone(pixels)
    assert torch.equal(features, again)
    assert features.std(dim=0).max() > 0.1


def test_a_folded_network_computes_the_same(pixels):
    backbone = make_backbone("efficientnet_lite0").eval()
    with torch.inference_mode():
        assert torch.allclose(folded(backbone)(pixels), backbone(pixels), atol=1e-3)
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in backbone.modules())


def test_a_new_head_says_the_same_of_all_classes_and_standardises():
    head = Head(5, 3).eval()
    features = torch.randn(50, 5) * 7 + 3
    features[:, 4] = 2.0  # never changes
    head.standardise(features)
    scaled = (features - head.shift) * head.scale
    assert torch.allclose(scaled[:, :4].std(dim=0, correction=0), torch.ones(4), atol=1e-4)
    assert torch.equal(scaled[:, 4], torch.zeros(50))
    assert torch.equal(head(features), torch.zeros(50, 3))


def test_a_classifier_is_a_backbone_and_a_head(pixels):
    classifier = make_classifier("small_cnn", 7, pretrained=False).eval()
    assert isinstance(classifier, Classifier)
    assert classifier(pixels).shape == (4, 7)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("resnet18_v1b", "efficientnet_lite0"),
        ("mobilenetv3_small", "efficientnet_lite0"),
        ("MobileNet-V3-large-1x", "efficientnet_lite0"),
        ("resnet34_v1", "efficientnet_lite1"),
        ("resnet50_v1d", "efficientnet_lite2"),
        ("cifar_resnet20_v1", "small_cnn"),
    ],
)
def test_names_of_other_libraries_stand_for_the_nearest_network(no_timm, name, nearest, caplog):
    with caplog.at_level(logging.WARNING):
        assert names.resolve(name) == nearest
    assert nearest in caplog.text
    assert "agcore[timm]" in caplog.text


def test_with_timm_they_stand_for_its_networks(monkeypatch):
    monkeypatch.setattr(names, "timm_names", lambda: ("resnet18", "mobilenetv3_small_100"))
    assert names.resolve("resnet18_v1b") == "resnet18"
    assert names.resolve("mobilenetv3_small") == "mobilenetv3_small_100"
    assert names.list_models()[-2:] == ("resnet18", "mobilenetv3_small_100")


def test_bundled_names_stand_for_themselves(caplog):
    assert names.resolve("efficientnet_lite1") == "efficientnet_lite1"
    assert names.resolve("efficientnet-lite1") == "efficientnet_lite1"
    assert not caplog.records


def test_a_misspelt_name_is_answered_with_a_known_one(no_timm):
    with pytest.raises(SpecError, match="did you mean 'efficientnet_lite0'"):
        names.resolve("eficientnet_lite0")
    with pytest.raises(SpecError, match="did you mean 'resnet18_v1b'"):
        names.resolve("resnet18_vlb")


def test_a_network_of_timm_without_timm_names_the_extra(no_timm):
    with pytest.raises(MissingExtraError, match=r"agcore\[timm\]"):
        timm_network("resnet18", pretrained=False)


def test_networks_of_timm_where_it_can_be_imported(pixels):
    if not names.timm_names():
        pytest.skip("timm cannot be imported here")
    for name in ("resnet18", "mobilenetv3_small_100"):
        backbone = timm_network(name, pretrained=False).eval()
        with torch.inference_mode():
            assert backbone(pixels).shape == (4, backbone.num_features)
