"""The 2-D lab: its distributions, its models, its frames and its socket."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import latentarium as la
from latentarium.data.batches import Batch
from latentarium.errors import NonFiniteError
from latentarium.latent.gaussians import single_gaussian
from latentarium.metrics.coverage import mixture_quality
from latentarium.rng import Noise
from latentarium.studio.lab.lab import FIELD_CELLS, FRAME_POINTS, MESH_CELLS, Lab
from latentarium.studio.lab.learners import DECAY_STEPS, OPTIMIZERS, Gaussian, Learner
from latentarium.studio.lab.targets import CELLS, MIXTURES, NAMES, Drawing, target
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.routes.lab import MAX_MESSAGE, MAX_SESSIONS, MAX_STEPS
from latentarium.studio.server import make_app
from latentarium.training.game import copy_parameters
from support.errors import raises_code

OTHER_PATCHES = 21
"""Shapes of a picture of four panels without circles: frames and backgrounds."""
HOST = {"host": "127.0.0.1:8765"}
CORNER = np.zeros((CELLS, CELLS), bool)
CORNER[:3, :5] = True


# ------------------------------------------------------------------------------ distributions


@pytest.mark.parametrize("name", NAMES)
def test_points_are_in_the_square_and_depend_on_the_seed_only(name):
    drawing = Drawing(CORNER).to_text()
    data, again = target(name, drawing, 500, 3), target(name, drawing, 500, 3)
    other = target(name, drawing, 500, 4)
    assert data.card == again.card != other.card
    points = data.train.images.flatten(1)
    assert points.shape == (500, 2)
    assert float(points.abs().max()) < 1.25
    assert len(data.validation) == len(data.test) == 50


def test_drawing_is_uniform_over_its_cells_and_survives_its_text_form():
    drawing = Drawing(CORNER)
    assert np.array_equal(Drawing.from_text(drawing.to_text()).cells, CORNER)
    points = drawing.sample(20_000, Noise("test"))
    low, high = points.min(0).values, points.max(0).values
    torch.testing.assert_close(low, torch.tensor([-1, 1 - 6 / CELLS]), atol=0.01, rtol=0)
    torch.testing.assert_close(high, torch.tensor([-1 + 10 / CELLS, 1]), atol=0.01, rtol=0)
    torch.testing.assert_close(points.mean(0), (low + high) / 2, atol=0.01, rtol=0)
    torch.testing.assert_close(points.std(0), (high - low) / 12**0.5, atol=0.01, rtol=0)


@pytest.mark.parametrize("text", ["", "A", "!" * 96, "A" * 96, "A" * 95, "A" * 200, "é" * 96])
def test_invalid_drawing_is_refused(text):
    with raises_code("empty-drawing" if text == "A" * 96 else "invalid-drawing"):
        Drawing.from_text(text)


# ------------------------------------------------------------------------------------- models


def test_gaussian_converges_to_maximum_likelihood():
    data = target("moons", "", 1000, 0)
    points = data.train.images
    gaussian = Gaussian()
    learner = Learner(gaussian, gaussian.players(), OPTIMIZERS["gaussian"], seed=0)
    for step in range(0, DECAY_STEPS, 2):
        learner.move(Batch(points, None), step)  # the whole data set, so no noise
    best = single_gaussian(points.flatten(1))
    factor = gaussian.factor().detach().double()
    torch.testing.assert_close(gaussian.mean.detach().double(), best.mean, atol=2e-3, rtol=0)
    torch.testing.assert_close(factor @ factor.T, best.covariance, atol=2e-3, rtol=0)
    logs = gaussian.log_prob(points.flatten(1)).detach().double()
    torch.testing.assert_close(logs, best.log_prob(points.flatten(1)), atol=0.02, rtol=0)
    drawn = gaussian.sample(40_000)
    torch.testing.assert_close(drawn.T.cov().double(), best.covariance, atol=0.01, rtol=0)


@pytest.mark.parametrize("only", ["discriminator", "generator"])
def test_single_player_moves_only_its_own_parameters(only):
    lab = Lab("ring")
    lab.advance(2)
    before = {name: copy_parameters(learner.model) for name, learner in lab.learners.items()}
    lab.advance(3, only)
    assert lab.step == 5
    own = {id(p) for p in getattr(lab.gan, only).parameters()}
    for name, learner in lab.learners.items():
        for parameter in learner.model.parameters():
            same = torch.equal(parameter, before[name][id(parameter)])
            assert same == (id(parameter) not in own)


def test_frames_depend_on_seed_and_steps_only():
    one, two, other = Lab("grid", seed=5), Lab("grid", seed=5), Lab("grid", seed=6)
    for lab in (one, two, other):
        lab.advance(3)
        lab.frame()  # reading a frame changes nothing
        lab.advance(2, "generator")
    two.frame()
    assert one.real() == two.real()
    assert one.frame() == two.frame()
    assert one.frame()["gan"] != other.frame()["gan"]


@pytest.mark.slow
def test_all_models_learn_the_ring_and_the_gaussian_fills_its_centre():
    lab = Lab("ring")
    before = lab.frame()
    lab.advance(600)
    frame, truth = lab.frame(), lab.real()["nll"]
    for name in ("gaussian", "vae"):
        assert truth < frame[name]["losses"]["held_out"] < before[name]["losses"]["held_out"]
    assert frame["vae"]["losses"]["held_out"] < frame["gaussian"]["losses"]["held_out"] - 0.5
    assert frame["gan"]["quality"]["found"] >= 7 / 8
    assert frame["gaussian"]["quality"]["near"] < 0.1
    assert frame["gaussian"]["quality"]["found"] == 0
    assert frame["gan"]["quality"]["near"] > 0.15 < frame["vae"]["quality"]["near"]
    lengths = lab.samples("gaussian").norm(dim=1)
    assert float((lengths < 0.7).float().mean()) > 0.4  # where there is no data


# ------------------------------------------------------------------------------------- frames


def test_frame_contents_match_their_definitions():
    lab = Lab("ring", seed=1)
    lab.advance(20)
    frame = lab.frame()
    gan = frame["gan"]
    field = np.array(gan["field"]).reshape(FIELD_CELLS, FIELD_CELLS)
    # the cell of the third row from the top and the last column
    x = 1.2 * (2 * (FIELD_CELLS - 0.5) / FIELD_CELLS - 1)
    y = 1.2 * (1 - 2 * 2.5 / FIELD_CELLS)
    with torch.no_grad():
        logit = lab.gan.discriminate(torch.tensor([[x, y]])[:, :, None, None].float())
    assert field[2, -1] == pytest.approx(float(logit.sigmoid()), abs=1e-4)
    points = torch.tensor(gan["samples"]).view(-1, 2)
    assert len(points) == FRAME_POINTS
    # the gradients point uphill for the discriminator
    pushes = torch.tensor(gan["pushes"]).view(-1, 2)
    with torch.no_grad():
        here = lab.gan.discriminate(points[: len(pushes), :, None, None])
        ahead = lab.gan.discriminate((points[: len(pushes)] + 1e-3 * pushes)[:, :, None, None])
    assert float((ahead >= here - 1e-5).float().mean()) > 0.95
    mesh = torch.tensor(gan["mesh"]).view(MESH_CELLS + 1, MESH_CELLS + 1, 2)
    z = torch.distributions.Normal(0, 1).icdf(torch.linspace(0.01, 0.99, MESH_CELLS + 1))
    with torch.no_grad():
        point = lab.gan.decode(torch.stack([z[4], z[9]])[None]).flatten()
    torch.testing.assert_close(mesh[4, 9], point, atol=1e-3, rtol=0)
    quality = mixture_quality(points, MIXTURES["ring"])
    assert gan["quality"]["near"] == pytest.approx(quality.high_quality, abs=2e-3)
    assert gan["quality"]["found"] <= quality.modes / 8
    covariance = np.array(frame["gaussian"]["covariance"]).reshape(2, 2)
    assert np.allclose(covariance, covariance.T)


def test_quality_of_held_out_points_is_high_and_of_distant_points_zero():
    lab = Lab("smile")
    real = lab.data.test.images.flatten(1)
    good, bad = lab.quality(real), lab.quality(real + 3)
    assert good["near"] > 0.9 < good["found"]
    assert bad == {"near": 0.0, "found": 0.0}


def test_mode_is_found_by_a_quarter_of_its_share_but_not_by_one_sample():
    lab = Lab("ring")
    means = MIXTURES["ring"].means
    between = torch.zeros(92, 2)
    strays = torch.cat([means, between])  # 1 of 100 samples per mode
    assert lab.quality(strays) == {"near": 0.08, "found": 0.0}
    due = means[:3].repeat_interleave(4, 0)  # a quarter of 100 / 8 is 3.1
    assert lab.quality(torch.cat([due, means[3:], torch.zeros(83, 2)]))["found"] == 3 / 8
    assert lab.quality(MIXTURES["ring"].sample(500))["found"] == 1


def test_non_finite_parameters_raise_and_frames_stay_valid_json():
    lab = Lab("ring")
    with torch.no_grad():
        next(lab.vae.parameters()).fill_(float("nan"))
    with pytest.raises(NonFiniteError) as error:
        lab.advance()
    assert "vae" in error.value.what
    json.dumps(lab.frame(), allow_nan=False)


@pytest.mark.parametrize(
    ("steps", "only", "code"),
    [
        (0, "", "invalid-steps"),
        (-1, "", "invalid-steps"),
        (1, "vae", "unknown-player"),
        (1, "Discriminator", "unknown-player"),
    ],
)
def test_invalid_steps_and_players_are_refused(steps, only, code):
    with raises_code(code):
        Lab("ring").advance(steps, only)


# ------------------------------------------------------------------------------------- socket


@pytest.fixture
def client():
    with TestClient(make_app(ModelRegistry()), base_url="http://127.0.0.1:8765") as client:
        yield client


def ask(socket, message):
    """Send a message and return the reply."""
    socket.send_text(message if isinstance(message, str) else json.dumps(message))
    return json.loads(socket.receive_text())


def test_socket_replies_with_frames(client):
    lab = Lab("spiral", seed=2)
    with client.websocket_connect("/lab", headers=HOST) as socket:
        answer = ask(socket, {"start": {"name": "spiral", "seed": 2}})
        assert answer == {"real": lab.real(), "frame": lab.frame()}
        answer = ask(socket, {"steps": 2, "only": "discriminator"})
        lab.advance(2, "discriminator")
        assert answer == {"frame": lab.frame()}
        assert ask(socket, {}) == answer


def test_invalid_message_is_an_error_reply_and_the_lab_continues(client):
    with client.websocket_connect("/lab", headers=HOST) as socket:
        assert ask(socket, {"steps": 1})["code"] == "not-started"
        assert "frame" in ask(socket, {"start": {"name": "ring"}})
        bad = [
            "", "words", "[]", "null", "NaN", "{" * 1000, "x" * (MAX_MESSAGE + 1),
            {"steps": MAX_STEPS + 1}, {"steps": -1}, {"steps": 1.5}, {"steps": "1"},
            {"steps": True}, {"only": "vae"}, {"stop": 1}, {"start": {"name": 1}},
            {"start": {"name": "nowhere"}}, {"start": {"name": "drawn"}},
            {"start": {"name": "ring", "seed": -1}}, {"start": {"name": "ring", "seed": 2**32}},
            {"start": {"name": "drawn", "drawing": "é"}},
        ]  # fmt: skip
        for message in bad:
            assert set(ask(socket, message)) == {"error", "code", "template", "values"}, message
        socket.send_bytes(b"\x00\xff")
        assert "error" in json.loads(socket.receive_text())
        assert ask(socket, {"steps": 1})["frame"]["step"] == 1


def test_internal_error_is_an_error_reply(client, monkeypatch):
    def fail(self):
        raise RuntimeError("inside")

    with client.websocket_connect("/lab", headers=HOST) as socket:
        ask(socket, {"start": {"name": "ring"}})
        with monkeypatch.context() as patch:
            patch.setattr(Lab, "frame", fail)
            assert ask(socket, {})["code"] == "internal"
        assert "frame" in ask(socket, {})


def test_number_of_labs_is_limited_and_a_closed_one_frees_its_place(client):
    start = {"start": {"name": "gaussian"}}
    opened = [client.websocket_connect("/lab", headers=HOST) for _ in range(MAX_SESSIONS)]
    sockets = [connection.__enter__() for connection in opened]
    try:
        for socket in sockets:
            assert "frame" in ask(socket, start)
        with client.websocket_connect("/lab", headers=HOST) as late:
            assert ask(late, start)["code"] == "too-many-labs"
            assert "frame" in ask(sockets[0], start)  # an open lab may restart
            opened.pop().__exit__(None, None, None)
            assert "frame" in ask(late, start)
    finally:
        for connection in opened:
            connection.__exit__(None, None, None)


def test_other_sites_pages_get_no_lab(client):
    headers = {**HOST, "origin": "http://evil.example"}
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/lab", headers=headers),
    ):
        pass


@pytest.mark.parametrize("name", ["ring", "moons"])
def test_the_picture_has_the_points_of_data_and_models_and_circles_for_modes(name, tmp_path):
    lab = la.Lab(name, seed=1)
    lab.advance(2)
    lab.save_picture(tmp_path / "lab.svg")
    picture = (tmp_path / "lab.svg").read_text()
    root = ElementTree.fromstring(picture)
    assert root.tag.endswith("svg")
    assert all(title in picture for title in ("data", "one Gaussian", "VAE", "GAN"))
    assert picture.count("<image") == 4  # the points of a panel
    circles = {"ring": 4 * 8, "moons": 0}[name]
    assert picture.count('id="patch_') == OTHER_PATCHES + circles
