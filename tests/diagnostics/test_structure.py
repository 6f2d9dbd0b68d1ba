"""Images in which there is nothing to encode get no cure for a posterior that has collapsed."""

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.diagnostics.examine import diagnose
from latentarium.diagnostics.structure import lack_of_structure
from latentarium.models.build import build
from support.tiny import tiny_arrays


def noise(n=600, shape=(1, 16, 16)):
    rng = np.random.default_rng(0)
    return la.load_data(rng.integers(0, 256, (n, *shape)).astype(np.uint8))


def constant():
    return la.load_data(np.full((600, 1, 16, 16), 128, np.uint8))


def squares():
    return la.load_data(*tiny_arrays(600))


def code(data):
    reason = lack_of_structure(data)
    return reason and reason.code


def test_noise_and_equal_images_have_no_structure_and_others_have():
    assert code(noise()) == "no structure"
    assert code(noise(40, (3, 28, 28))) == "no structure"
    assert code(constant()) == "equal images"
    assert code(squares()) is None
    assert code(la.load_data("ring")) is None  # points


@pytest.mark.parametrize(
    ("make", "expected"),
    [(noise, "no structure"), (constant, "equal images"), (squares, None)],
)
def test_a_collapsed_posterior_is_an_issue_only_if_there_is_something_to_encode(
    make, expected, monkeypatch
):
    data = make()
    config = presets.get("vae_debug")
    model = build(config.model, data.card).eval()
    mean = (data.train.images.float() / 127.5 - 1).mean(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()  # all images have the same posterior
    monkeypatch.setattr(
        type(model), "decode", lambda self, z, y=None: mean.expand(len(z), -1, -1, -1)
    )
    diagnosis = diagnose(config, model, data, [], step=1000, n=100)
    issues = [issue.name for issue in diagnosis.issues]
    reason = diagnosis.not_checked.get("posterior collapse")
    if expected is None:
        assert "posterior collapse" in issues
    else:
        assert "posterior collapse" not in issues
        assert reason is not None
        assert reason.code == expected
        assert diagnosis.status.name == "can't tell"
        assert "model.beta" not in "\n".join(diagnosis.lines())
