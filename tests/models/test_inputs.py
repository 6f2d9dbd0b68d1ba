"""Images and latents in all forms that callers give."""

import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import latentarium as la
from latentarium import presets
from latentarium.config import AutoencoderConfig, NetConfig
from latentarium.data.batches import Batches
from latentarium.data.dataset import to_float
from latentarium.models.build import build
from latentarium.models.inference import reconstruct
from latentarium.models.inputs import ImageFormat
from latentarium.rng import Noise
from support.errors import raises_code
from support.tiny import tiny_data

GREY, COLOUR = (1, 12, 10), (3, 12, 10)


@pytest.fixture(scope="module")
def vae():
    return build(presets.vae_debug().model, tiny_data().card).eval()


@pytest.fixture(scope="module")
def cvae():
    config = presets.vae_debug().model
    assert isinstance(config, AutoencoderConfig)
    return build(replace(config, conditional=True), tiny_data().card).eval()


@pytest.fixture(scope="module")
def gan():
    return build(presets.gan_debug().model, tiny_data().card).eval()


@pytest.fixture(scope="module")
def pixels():
    return tiny_data().test.images[:4]


def test_pixels_and_floats_of_all_types_are_the_same_images(vae, pixels):
    x = to_float(pixels)
    want = vae.encode(x).mean
    for same in (
        pixels,
        pixels.numpy(),
        x.numpy(),
        x.double(),
        x.double().numpy(),
        x.numpy().astype(">f4"),
        x.numpy()[::-1].copy()[::-1],
        list(x),
        list(x.numpy()),
        pixels.permute(0, 2, 3, 1).numpy(),
        pixels[:, 0],
        pixels[:, 0].numpy(),
    ):
        torch.testing.assert_close(vae.encode(same).mean, want)
    for half in (x.half(), x.bfloat16(), x.half().numpy()):
        torch.testing.assert_close(vae.encode(half).mean, want, rtol=0, atol=0.1)
    read_only = x.numpy().copy()
    read_only.flags.writeable = False
    torch.testing.assert_close(vae.encode(read_only).mean, want)
    torch.testing.assert_close(vae.reconstruct(pixels), vae.reconstruct(x.numpy()))


def test_one_image_is_a_batch_of_one(vae, pixels):
    want = vae.encode(pixels[:1]).mean
    for one in (pixels[0], pixels[0, 0], pixels[0, 0].numpy(), pixels[0].permute(1, 2, 0)):
        torch.testing.assert_close(vae.encode(one).mean, want)


def test_images_with_channels_last():
    form = ImageFormat(shape=COLOUR)
    x = torch.rand(5, *COLOUR) * 2 - 1
    for same in (x, x.permute(0, 2, 3, 1), x.permute(0, 2, 3, 1).numpy()):
        assert torch.equal(form.read(same), x)
    for one in (x[0], x[0].permute(1, 2, 0)):
        assert torch.equal(form.read(one), x[:1])
    cube = torch.rand(3, 3, 3, 3) - 0.5  # ambiguous: channels come first
    assert torch.equal(ImageFormat(shape=(3, 3, 3)).read(cube), cube)


@pytest.mark.parametrize(
    "shape", [(4, 1, 32, 32), (4, 3, 12, 10), (4, 1, 10, 12), (4, 120), (), (1, 1, 1, 12, 10)]
)
def test_other_shapes_are_refused(vae, gan, shape):
    for call in (vae.encode, vae.reconstruct, vae, gan.discriminate):
        with raises_code("shape-mismatch") as caught:
            call(torch.zeros(shape) - 1)
        assert "(N, 1, 12, 10)" in str(caught.value)
        assert str(tuple(shape)) in str(caught.value)


@pytest.mark.parametrize("scale", [255.0, 1.01, -1.01, 1e30])
def test_floats_outside_the_range_are_refused(vae, pixels, scale):
    x = scale * to_float(pixels)
    for call in (vae.encode, vae.reconstruct, vae):
        with raises_code("out-of-range"):
            call(x)
    with raises_code("out-of-range"):
        vae.distortion(x, torch.zeros(4, vae.latent_dim))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_and_latents_that_are_not_finite_are_refused(vae, gan, pixels, value):
    x = to_float(pixels)
    x[2, 0, 3, 3] = value
    with raises_code("not-finite"):
        vae.encode(x)
    z = torch.zeros(4, vae.latent_dim)
    z[1, 0] = value
    for call in (vae.decode, lambda z: vae.distortion(pixels, z)):
        with raises_code("not-finite"):
            call(z)
    with raises_code("not-finite"):
        gan(np.full((2, gan.latent_dim), value))


@pytest.mark.parametrize("value", [1e7, -3e38])
def test_latents_too_large_for_finite_images_are_refused(vae, gan, value):
    for model in (vae, gan):
        z = torch.zeros(2, model.latent_dim)
        z[1, 0] = value
        with raises_code("out-of-range"):
            model.decode(z)


def test_images_without_a_negative_value_give_a_warning(vae, pixels):
    with pytest.warns(UserWarning, match="2 \\* x - 1"):
        vae.encode(pixels / 255)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vae.encode(torch.full_like(pixels, 255))  # white pixels are no doubt white


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, *GREY), int),
        np.zeros((2, *GREY), bool),
        np.zeros((2, *GREY), complex),
        np.zeros((2, *GREY), object),
        np.full((2, *GREY), "0"),
        np.ma.masked_equal(np.zeros((2, *GREY)), 0),
        torch.zeros(2, *GREY).to_sparse(),
        [[0.0], [0.0, 1.0]],
        None,
        "image.png",
        {"images": 1},
    ],
    ids=lambda wrong: type(wrong).__name__ + str(getattr(wrong, "dtype", "")),
)
def test_what_are_no_images_is_refused(vae, wrong):
    with raises_code("wrong-type"):
        vae.encode(wrong)


def test_a_pil_image_is_refused_since_its_palette_is_no_grey_value(vae):
    from PIL import Image

    with raises_code("wrong-type"):
        vae.encode(Image.new("P", (10, 12)))


def test_deep_images_are_scaled_by_the_range_of_the_training_data():
    form = ImageFormat(shape=(1, 1, 4), value_range=(100.0, 4195.0))
    deep = np.array([[[[100, 4195, 2147, 9000]]]], np.uint16)
    assert form.read(deep).flatten().tolist() == [0, 255, 127, 255]
    with raises_code("wrong-type") as caught:
        ImageFormat(shape=(1, 1, 4)).read(deep)
    assert "type uint16" in str(caught.value)


def test_a_denoising_autoencoder_takes_noisy_images(pixels):
    model = build(presets.ae_debug().model, tiny_data().card).eval()
    noisy = to_float(pixels) + 0.3 * Noise(0).normal(*pixels.shape)
    with raises_code("out-of-range"):
        model.encode(noisy)
    config = model.config
    assert isinstance(config, AutoencoderConfig)
    denoising = build(replace(config, noise_std=0.3), tiny_data().card).eval()
    assert denoising.reconstruct(noisy).abs().max() <= 1
    with raises_code("out-of-range"):
        denoising.encode(255 * to_float(pixels))


def test_latents_of_all_types_are_the_same_latents(vae, gan):
    for model in (vae, gan):
        z = Noise(1).normal(3, model.latent_dim)
        want = model.decode(z)
        for same in (z.numpy(), z.double(), z.tolist(), list(z), z.numpy()[::-1][::-1]):
            torch.testing.assert_close(model.decode(same), want)
        torch.testing.assert_close(model.decode(z[0]), want[:1])
        for wrong in (z[:, 1:], z[None], torch.zeros(())):
            with raises_code("shape-mismatch"):
                model.decode(wrong)
        for wrong in (z > 0, z + 1j, "z", None):
            with raises_code("wrong-type"):
                model.decode(wrong)


def test_a_distortion_needs_one_latent_for_each_image(vae, pixels):
    with raises_code("shape-mismatch"):
        vae.distortion(pixels, torch.zeros(3, vae.latent_dim))
    z = vae.encode(pixels).mean
    torch.testing.assert_close(
        vae.distortion(pixels.numpy(), z.detach().numpy()), vae.distortion(x=pixels, z=z)
    )


def test_labels_in_all_forms_for_all_methods(cvae, pixels):
    want = cvae.reconstruct(pixels, torch.tensor([2, 2, 2, 2]))
    for label in (2, "2", ["2"] * 4, np.full(4, 2), torch.eye(3)[[2] * 4], np.eye(3)[[2] * 4]):
        torch.testing.assert_close(cvae.reconstruct(pixels, label), want)
        mean = cvae.encode(pixels, label).mean
        torch.testing.assert_close(cvae.decode(mean, y=label).clamp(-1, 1), want)
        torch.testing.assert_close(cvae(pixels, label).clamp(-1, 1), want)
    for wrong, code in (
        (None, "label-missing"),
        (3, "unknown-class"),
        (torch.tensor([0, 1]), "label-shape"),
        (True, "label-shape"),
        (-torch.eye(3)[[0] * 4], "invalid-blend"),
    ):
        for call in (cvae.encode, cvae.reconstruct, cvae):
            with raises_code(code):
                call(pixels, wrong)


def test_gradients(vae, gan, pixels):
    """`encode`, `decode` and calls are ordinary autograd; `sample` and `reconstruct` are not."""
    x = to_float(pixels).requires_grad_()
    z = torch.zeros(2, gan.latent_dim, requires_grad=True)
    for output, source in ((vae(x), x), (vae.encode(x).mean, x), (gan(z), z), (gan.decode(z), z)):
        (gradient,) = torch.autograd.grad(output.sum(), source)
        assert gradient.abs().sum() > 0
    for images in (vae.reconstruct(x), vae.sample(2), vae.latents(2)[0], gan.sample(2)):
        assert not images.requires_grad
        images.numpy()


def test_calling_a_model_reconstructs_or_generates(vae, gan, pixels):
    torch.testing.assert_close(vae(pixels).clamp(-1, 1), vae.reconstruct(pixels, batch_size=3))
    z, _ = gan.latents(3)
    torch.testing.assert_close(gan(z), gan.sample(3))
    seen = []
    handle = vae.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    vae(pixels)
    handle.remove()
    assert seen == [torch.Size([4, *GREY])]


@pytest.mark.slow
def test_a_compiled_or_exported_model_is_the_same_model():
    script = """if True:
        import torch, latentarium as la
        for name in ("vae", "cgan"):
            model = la.load(f"shipped:{name}")
            compiled = torch.compile(model, backend="eager", fullgraph=True)
            y = torch.tensor([1, 7]) if model.takes_label else None
            x = torch.rand(2, *model.image_shape) * 2 - 1
            z = torch.randn(2, model.latent_dim)
            inputs = (x, (x * 127).clamp(0).byte()) if model.has_encoder else (z, z.double())
            for given in inputs:
                torch.testing.assert_close(compiled(given, y), model(given, y))
            exported = torch.export.export(model, (inputs[0], y)).module()
            torch.testing.assert_close(exported(inputs[0], y), model(inputs[0], y))
    """
    subprocess.run([sys.executable, "-c", script], check=True)  # beartype can't be compiled


def test_a_model_in_double_precision(pixels):
    model = build(presets.vae_debug().model, tiny_data().card).double().eval()
    assert model(pixels).dtype == model.reconstruct(pixels).dtype == torch.float64
    assert model.decode(np.zeros((1, model.latent_dim), np.float32)).dtype == torch.float64


def test_modes_of_all_modules_are_restored(pixels):
    config = presets.vae_debug().model
    assert isinstance(config, AutoencoderConfig)
    net = NetConfig(width=4, depth=1, norm="batch")
    model = build(replace(config, encoder=net, decoder=net), tiny_data().card).train()
    frozen = next(m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d))
    frozen.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    rebuilt = model.reconstruct(pixels)
    with raises_code("shape-mismatch"):
        model.reconstruct(pixels[:, :, 1:])
    assert modes == [module.training for module in model.modules()]
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    torch.testing.assert_close(rebuilt, model.eval().reconstruct(pixels))


def test_training_on_noisy_images_checks_nothing():
    """The denoising autoencoder encodes images outside [-1, 1] during training."""
    config = presets.ae_debug().model
    assert isinstance(config, AutoencoderConfig)
    model = build(replace(config, noise_std=3.0), tiny_data().card).train()
    adam = torch.optim.Adam(model.parameters())
    from latentarium.training.game import play_move

    batch = Batches(tiny_data().train, 8, 0).draw(0)
    assert play_move(model.players()[0], model, adam, batch, Noise(0)).total.isfinite()


def test_a_short_description(vae, cvae):
    assert "VAE" in repr(vae)
    assert "(1, 12, 10)" in repr(vae)
    assert f"{sum(p.numel() for p in vae.parameters()):,}" in repr(vae)
    assert all("\n" not in repr(model) for model in (vae, cvae))
    data = tiny_data()
    assert len(repr(data).splitlines()) == 1
    assert str(len(data.train)) in repr(data)
    assert str(len(data.train)) in repr(data.train)
    assert "no labels" in repr(tiny_data(labelled=False).train)


@pytest.mark.parametrize("name", ["vae", "gan"])
def test_every_public_method_is_documented(name, request):
    model = request.getfixturevalue(name)
    for attribute in dir(la.LatentModel):
        if attribute in vars(torch.nn.Module) or attribute.startswith("_"):
            continue
        value = getattr(type(model), attribute)
        assert not callable(value) or value.__doc__, attribute
    for method in (model.encode, model.decode, model.forward, model.reconstruct):
        assert "Arguments:" in method.__doc__ or "no encoder" in method.__doc__


DTYPES = st.sampled_from(["u1", "i8", "u2", "f2", "f4", "f8", ">f4", "?", "c8", "O"])


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    array=DTYPES.flatmap(
        lambda dtype: arrays.arrays(
            dtype,
            arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=12)
            | st.sampled_from([(2, 1, 12, 10), (12, 10), (2, 12, 10, 1)]),
            elements=st.none() if dtype == "O" else None,
            fill=st.nothing() if dtype == "O" else None,
        )
    ),
    as_tensor=st.booleans(),
)
def test_any_array_is_images_or_a_user_error(vae, cvae, array, as_tensor):
    value: object = array
    if as_tensor and array.dtype.kind in "buifc" and array.dtype.isnative:
        value = torch.tensor(array)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for call in (
            vae.encode, vae.reconstruct, vae.decode, vae, lambda v: cvae.sample(2, v),
            lambda v: cvae.decode(torch.zeros(2, cvae.latent_dim), v),
        ):  # fmt: skip
            try:
                result = call(value)
            except la.UserError:
                continue
            result = result if isinstance(result, torch.Tensor) else result.mean
            assert result.isfinite().all()


def test_bright_images_of_a_data_set_cause_no_warning():
    """Only images that a caller passes may have been converted wrongly."""
    data = la.load_data(np.full((300, 28, 28), 128, np.uint8))
    model = build(presets.get("vae_debug").model, data.card)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reconstruct(model, data.test)
        model.reconstruct(data.test.images)
    with pytest.warns(UserWarning, match="2 \\* x - 1"):
        model.reconstruct(to_float(data.test.images))
