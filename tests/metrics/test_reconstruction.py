import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from latentarium.data.dataset import to_float
from latentarium.errors import UserError
from latentarium.metrics import reconstruction as r


def images(n=6, shape=(1, 28, 28), seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, shape[0], 7, 7, generator=generator)
    return 2 * torch.nn.functional.interpolate(coarse, shape[1:], mode="bilinear") - 1


def noisy(x, std=0.2, seed=1):
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
    return (x + std * noise).clamp(-1, 1)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 20, 33)])
def test_ssim_and_psnr_are_those_of_scikit_image(shape):
    x = images(shape=shape)
    y = noisy(x)
    found = r.reconstruction(x, y)
    for i in range(len(x)):
        a, b = ((v[i].double().numpy() + 1) / 2 for v in (x, y))
        psnr = peak_signal_noise_ratio(a, b, data_range=1.0)
        assert float(found.psnr.per_image[i]) == pytest.approx(psnr, abs=1e-5)
        # its mean leaves out half a window at each border: the places of a whole window
        ssim = structural_similarity(
            a, b, data_range=1.0, channel_axis=0, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        )  # fmt: skip
        assert float(found.ssim.per_image[i]) == pytest.approx(ssim, abs=1e-5)


def test_an_error_of_known_size():
    """0.2 in [-1, 1] is 0.1 in [0, 1]: an error of 0.01, 20 dB."""
    x = torch.zeros(3, 1, 12, 12)
    found = r.reconstruction(x, x + 0.2)
    assert found.mse.value == pytest.approx(0.01, rel=1e-5)
    assert found.psnr.value == pytest.approx(20, abs=1e-4)


def test_equal_images():
    x = images()
    found = r.reconstruction(x, x)
    assert found.mse.value == 0
    assert found.psnr.value == r.PSNR_CAP
    assert found.ssim.value == pytest.approx(1)


def test_uint8_originals_are_the_floats_they_stand_for():
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 1, 12, 12), np.uint8))
    y = noisy(to_float(pixels))
    assert (
        r.reconstruction(pixels, y).ssim.value == r.reconstruction(to_float(pixels), y).ssim.value
    )


def test_more_noise_is_worse_in_every_quantity():
    x = images(40)
    clear, foggy = (r.reconstruction(x, noisy(x, std)) for std in (0.05, 0.4))
    assert clear.mse.interval[1] < foggy.mse.interval[0]
    assert clear.psnr.interval[0] > foggy.psnr.interval[1]
    assert clear.ssim.interval[0] > foggy.ssim.interval[1]


class Means:
    """The mean of each row as features."""

    name, hash, num_features = "means", "0" * 64, 12

    def features(self, images, *, batch_size=500):
        return to_float(images).mean((1, 3))


def test_features_tell_a_reconstruction_from_another_image():
    x = images(50, (1, 12, 12))
    found = r.reconstruction(x, noisy(x, 0.05), Means())
    assert found.features is not None
    assert found.features_of_others is not None
    assert found.features.interval[1] < 0.2 * found.features_of_others
    equal = r.reconstruction(x, x.clone(), Means()).features
    assert equal is not None
    assert equal.value == 0


def test_images_smaller_than_the_window_have_a_smaller_one():
    x = images(3, (1, 4, 5))
    assert r.reconstruction(x, x).ssim.value == pytest.approx(1)
    assert r.reconstruction(x, noisy(x)).ssim.value < 0.99
    dot = torch.zeros(2, 1, 1, 1)
    assert r.reconstruction(dot, dot).ssim.value == pytest.approx(1)


def test_what_does_not_match_is_a_sentence():
    x = images()
    with pytest.raises(UserError, match="at least one"):
        r.reconstruction(x[:0], x[:0])
    with pytest.raises(UserError, match="not finite"):
        r.reconstruction(x, x * torch.nan)
