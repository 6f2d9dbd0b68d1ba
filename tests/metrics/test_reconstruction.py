import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from latentarium.data.dataset import to_float, to_uint8
from latentarium.metrics.reconstruction import PSNR_CAP, measure_reconstruction
from support.errors import raises_code


def images(n=6, shape=(1, 28, 28), seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, shape[0], 7, 7, generator=generator)
    return 2 * torch.nn.functional.interpolate(coarse, shape[1:], mode="bilinear") - 1


def noisy(x, std=0.2, seed=1):
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
    return (x + std * noise).clamp(-1, 1)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 20, 33)])
def test_ssim_and_psnr_agree_with_scikit_image(shape):
    x = images(shape=shape)
    y = noisy(x)
    result = measure_reconstruction(x, y)
    for i in range(len(x)):
        a, b = ((v[i].double().numpy() + 1) / 2 for v in (x, y))
        psnr = peak_signal_noise_ratio(a, b, data_range=1.0)
        assert float(result.psnr.per_image[i]) == pytest.approx(psnr, abs=1e-5)
        # scikit-image also averages over the positions where the whole window fits
        ssim = structural_similarity(
            a, b, data_range=1.0, channel_axis=0, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        )  # fmt: skip
        assert float(result.ssim.per_image[i]) == pytest.approx(ssim, abs=1e-5)


def test_error_of_known_size():
    """0.2 in [-1, 1] is 0.1 in [0, 1]: an error of 0.01, 20 dB."""
    x = torch.zeros(3, 1, 12, 12)
    result = measure_reconstruction(x, x + 0.2)
    assert result.mse.value == pytest.approx(0.01, rel=1e-5)
    assert result.psnr.value == pytest.approx(20, abs=1e-4)


def test_equal_images_have_no_error():
    x = images()
    result = measure_reconstruction(x, x)
    assert result.mse.value == 0
    assert result.psnr.value == PSNR_CAP
    assert result.ssim.value == pytest.approx(1)


def test_uint8_and_float_originals_give_the_same_result():
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 1, 12, 12), np.uint8))
    y = noisy(to_float(pixels))
    assert (
        measure_reconstruction(pixels, y).ssim.value
        == measure_reconstruction(to_float(pixels), y).ssim.value
    )


def test_more_noise_is_worse_in_every_measure():
    x = images(40)
    weak, strong = (measure_reconstruction(x, noisy(x, std)) for std in (0.05, 0.4))
    assert weak.mse.interval[1] < strong.mse.interval[0]
    assert weak.psnr.interval[0] > strong.psnr.interval[1]
    assert weak.ssim.interval[0] > strong.ssim.interval[1]


class RowMeans:
    """An extractor whose features are the means of the rows."""

    name, hash, num_features = "means", "0" * 64, 12

    def features(self, images, *, batch_size=500):
        return to_float(images).mean((1, 3))


def test_feature_distance_distinguishes_a_reconstruction_from_another_image():
    x = images(50, (1, 12, 12))
    result = measure_reconstruction(x, noisy(x, 0.05), RowMeans())
    assert result.feature_distance is not None
    assert result.unrelated_feature_distance is not None
    assert result.feature_distance.interval[1] < 0.2 * result.unrelated_feature_distance
    equal = measure_reconstruction(x, x.clone(), RowMeans()).feature_distance
    assert equal is not None
    assert equal.value == 0


def test_window_shrinks_for_small_images():
    x = images(3, (1, 4, 5))
    assert measure_reconstruction(x, x).ssim.value == pytest.approx(1)
    assert measure_reconstruction(x, noisy(x)).ssim.value < 0.99
    dot = torch.zeros(2, 1, 1, 1)
    assert measure_reconstruction(dot, dot).ssim.value == pytest.approx(1)


def test_invalid_sets_are_refused():
    x = images()
    with raises_code("too-few-images"):
        measure_reconstruction(x[:0], x[:0])
    with raises_code("shape-mismatch"):
        measure_reconstruction(to_uint8(x), x[:-1])
    with raises_code("not-finite"):
        measure_reconstruction(x, x * torch.nan)
