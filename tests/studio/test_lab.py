"""The lab: who learns what, and what the page is told."""

import json

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from latentarium.data.batches import Batch
from latentarium.errors import NonFiniteError, UserError
from latentarium.latent.gaussians import single_gaussian
from latentarium.metrics.coverage import mixture_quality
from latentarium.rng import Noise
from latentarium.studio.lab.lab import FIELD, MESH, SHOWN, Lab
from latentarium.studio.lab.learners import PATIENCE, RATES, Gaussian, Learner
from latentarium.studio.lab.targets import CELLS, MIXTURES, NAMES, Drawing, target
from latentarium.studio.registry import Gallery
from latentarium.studio.routes.lab import LONGEST, MOST_SESSIONS, MOST_STEPS
from latentarium.studio.server import make_app
from latentarium.training.game import copy_parameters

HOST = {"host": "127.0.0.1:8765"}
CORNER = np.zeros((CELLS, CELLS), bool)
CORNER[:3, :5] = True


# ---------------------------------------------------------------------------- what is learned


@pytest.mark.parametrize("name", NAMES)
def test_points_lie_in_the_square_and_are_a_function_of_the_seed(name):
    drawing = Drawing(CORNER).write()
    data, again = target(name, drawing, 500, 3), target(name, drawing, 500, 3)
    other = target(name, drawing, 500, 4)
    assert data.card == again.card != other.card
    points = data.train.images.flatten(1)
    assert points.shape == (500, 2)
    assert float(points.abs().max()) < 1.25
    assert len(data.validation) == len(data.test) == 50


def test_a_drawing_is_even_over_its_cells_and_comes_back_from_its_text():
    drawing = Drawing(CORNER)
    assert np.array_equal(Drawing.read(drawing.write()).cells, CORNER)
    points = drawing.sample(20_000, Noise("test"))
    low, high = points.min(0).values, points.max(0).values
    torch.testing.assert_close(low, torch.tensor([-1, 1 - 6 / CELLS]), atol=0.01, rtol=0)
    torch.testing.assert_close(high, torch.tensor([-1 + 10 / CELLS, 1]), atol=0.01, rtol=0)
    torch.testing.assert_close(points.mean(0), (low + high) / 2, atol=0.01, rtol=0)
    torch.testing.assert_close(points.std(0), (high - low) / 12**0.5, atol=0.01, rtol=0)


@pytest.mark.parametrize("text", ["", "A", "!" * 96, "A" * 96, "A" * 95, "A" * 200, "é" * 96])
def test_a_drawing_that_is_none_is_a_sentence(text):
    with pytest.raises(UserError):
        Drawing.read(text)


# ---------------------------------------------------------------------------- who learns


def test_the_gaussian_finds_the_mean_and_the_covariance_of_maximum_likelihood():
    data = target("moons", "", 1000, 0)
    points = data.train.images
    gaussian = Gaussian()
    learner = Learner(gaussian, gaussian.players(), RATES["gaussian"], seed=0)
    for step in range(0, PATIENCE, 2):
        learner.move(Batch(points, None), step)  # all points: no noise
    best = single_gaussian(points.flatten(1))
    factor = gaussian.factor().detach().double()
    torch.testing.assert_close(gaussian.mean.detach().double(), best.mean, atol=2e-3, rtol=0)
    torch.testing.assert_close(factor @ factor.T, best.covariance, atol=2e-3, rtol=0)
    logs = gaussian.log_prob(points.flatten(1)).detach().double()
    torch.testing.assert_close(logs, best.log_prob(points.flatten(1)), atol=0.02, rtol=0)
    drawn = gaussian.sample(40_000)
    torch.testing.assert_close(drawn.T.cov().double(), best.covariance, atol=0.01, rtol=0)


@pytest.mark.parametrize("only", ["discriminator", "generator"])
def test_alone_a_player_moves_only_its_own_parameters(only):
    lab = Lab("ring")
    lab.advance(2)
    before = {name: copy_parameters(one.model) for name, one in lab.learners.items()}
    lab.advance(3, only)
    assert lab.step == 5
    own = {id(p) for p in getattr(lab.gan, only).parameters()}
    for name, learner in lab.learners.items():
        for parameter in learner.model.parameters():
            same = torch.equal(parameter, before[name][id(parameter)])
            assert same == (id(parameter) not in own)


def test_the_same_steps_give_the_same_frame():
    one, two, other = Lab("grid", seed=5), Lab("grid", seed=5), Lab("grid", seed=6)
    for lab in (one, two, other):
        lab.advance(3)
        lab.frame()  # to look changes nothing
        lab.advance(2, "generator")
    two.frame()
    assert one.real() == two.real()
    assert one.frame() == two.frame()
    assert one.frame()["gan"] != other.frame()["gan"]


def test_all_three_learn_the_ring_and_the_gaussian_fails_between_the_modes():
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
    assert float((lengths < 0.7).float().mean()) > 0.4  # where no data are


# ---------------------------------------------------------------------------- what is to be seen


def test_a_frame_is_what_it_says():
    lab = Lab("ring", seed=1)
    lab.advance(20)
    frame = lab.frame()
    gan = frame["gan"]
    field = np.array(gan["field"]).reshape(FIELD, FIELD)
    # the topmost row first: the cell of the third row and the last column
    x = 1.2 * (2 * (FIELD - 0.5) / FIELD - 1)
    y = 1.2 * (1 - 2 * 2.5 / FIELD)
    with torch.no_grad():
        logit = lab.gan.discriminate(torch.tensor([[x, y]])[:, :, None, None].float())
    assert field[2, -1] == pytest.approx(float(logit.sigmoid()), abs=1e-4)
    points = torch.tensor(gan["samples"]).view(-1, 2)
    assert len(points) == SHOWN
    # a push is uphill for the discriminator, by its own slope
    pushes = torch.tensor(gan["pushes"]).view(-1, 2)
    with torch.no_grad():
        here = lab.gan.discriminate(points[: len(pushes), :, None, None])
        ahead = lab.gan.discriminate((points[: len(pushes)] + 1e-3 * pushes)[:, :, None, None])
    assert float((ahead >= here - 1e-5).float().mean()) > 0.95
    mesh = torch.tensor(gan["mesh"]).view(MESH + 1, MESH + 1, 2)
    z = torch.distributions.Normal(0, 1).icdf(torch.linspace(0.01, 0.99, MESH + 1))
    with torch.no_grad():
        place = lab.gan.decode(torch.stack([z[4], z[9]])[None]).flatten()
    torch.testing.assert_close(mesh[4, 9], place, atol=1e-3, rtol=0)
    known = mixture_quality(points, MIXTURES["ring"])
    assert gan["quality"]["near"] == pytest.approx(known.high_quality, abs=2e-3)
    assert gan["quality"]["found"] <= known.modes / 8
    covariance = np.array(frame["gaussian"]["covariance"]).reshape(2, 2)
    assert np.allclose(covariance, covariance.T)


def test_points_of_the_data_are_near_them_and_others_are_not():
    lab = Lab("smile")
    real = lab.data.test.images.flatten(1)
    good, bad = lab.quality(real), lab.quality(real + 3)
    assert good["near"] > 0.9 < good["found"]
    assert bad == {"near": 0.0, "found": 0.0}


def test_a_mode_is_found_by_a_quarter_of_its_share_and_not_by_a_stray_sample():
    lab = Lab("ring")
    means = MIXTURES["ring"].means
    between = torch.zeros(92, 2)
    strays = torch.cat([means, between])  # one sample of 100 on each of 8 modes
    assert lab.quality(strays) == {"near": 0.08, "found": 0.0}
    due = means[:3].repeat_interleave(4, 0)  # a quarter of 100 / 8 is 3.1
    assert lab.quality(torch.cat([due, means[3:], torch.zeros(83, 2)]))["found"] == 3 / 8
    assert lab.quality(MIXTURES["ring"].sample(500))["found"] == 1


def test_what_runs_away_says_so():
    lab = Lab("ring")
    with torch.no_grad():
        next(lab.vae.parameters()).fill_(float("nan"))
    with pytest.raises(NonFiniteError, match="vae"):
        lab.advance()
    json.dumps(lab.frame(), allow_nan=False)  # what is shown meanwhile has words for it


@pytest.mark.parametrize(("steps", "only"), [(0, ""), (-1, ""), (1, "vae"), (1, "Discriminator")])
def test_a_move_that_is_none_is_a_sentence(steps, only):
    with pytest.raises(UserError):
        Lab("ring").advance(steps, only)


# ---------------------------------------------------------------------------- the socket


@pytest.fixture
def client():
    with TestClient(make_app(Gallery()), base_url="http://127.0.0.1:8765") as client:
        yield client


def say(socket, message):
    socket.send_text(message if isinstance(message, str) else json.dumps(message))
    return json.loads(socket.receive_text())


def test_the_socket_gives_the_frames_of_the_lab(client):
    lab = Lab("spiral", seed=2)
    with client.websocket_connect("/lab", headers=HOST) as socket:
        found = say(socket, {"start": {"name": "spiral", "seed": 2}})
        assert found == {"real": lab.real(), "frame": lab.frame()}
        found = say(socket, {"steps": 2, "only": "discriminator"})
        lab.advance(2, "discriminator")
        assert found == {"frame": lab.frame()}
        assert say(socket, {}) == found


def test_what_is_no_message_is_a_sentence_and_the_lab_lives(client):
    with client.websocket_connect("/lab", headers=HOST) as socket:
        assert "begin with" in say(socket, {"steps": 1})["sentence"]
        assert "frame" in say(socket, {"start": {"name": "ring"}})
        bad = [
            "", "words", "[]", "null", "NaN", "{" * 1000, "x" * (LONGEST + 1),
            {"steps": MOST_STEPS + 1}, {"steps": -1}, {"steps": 1.5}, {"steps": "1"},
            {"steps": True}, {"only": "vae"}, {"stop": 1}, {"start": {"name": 1}},
            {"start": {"name": "nowhere"}}, {"start": {"name": "drawn"}},
            {"start": {"name": "ring", "seed": -1}}, {"start": {"name": "ring", "seed": 2**32}},
            {"start": {"name": "drawn", "drawing": "é"}},
        ]  # fmt: skip
        for message in bad:
            assert set(say(socket, message)) == {"sentence"}, message
        socket.send_bytes(b"\x00\xff")
        assert "sentence" in json.loads(socket.receive_text())
        assert say(socket, {"steps": 1})["frame"]["step"] == 1


def test_a_failure_inside_is_a_sentence(client, monkeypatch):
    def fail(self):
        raise RuntimeError("inside")

    with client.websocket_connect("/lab", headers=HOST) as socket:
        say(socket, {"start": {"name": "ring"}})
        with monkeypatch.context() as patch:
            patch.setattr(Lab, "frame", fail)
            assert "begin anew" in say(socket, {})["sentence"]
        assert "frame" in say(socket, {})


def test_so_many_labs_at_once_and_one_that_ends_makes_room(client):
    start = {"start": {"name": "gaussian"}}
    opened = [client.websocket_connect("/lab", headers=HOST) for _ in range(MOST_SESSIONS)]
    sockets = [one.__enter__() for one in opened]
    try:
        for socket in sockets:
            assert "frame" in say(socket, start)
        with client.websocket_connect("/lab", headers=HOST) as late:
            assert "close one" in say(late, start)["sentence"]
            assert "frame" in say(sockets[0], start)  # who is there may begin anew
            opened.pop().__exit__(None, None, None)
            assert "frame" in say(late, start)
    finally:
        for one in opened:
            one.__exit__(None, None, None)


def test_another_sites_page_gets_no_lab(client):
    from starlette.websockets import WebSocketDisconnect

    headers = {**HOST, "origin": "http://evil.example"}
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/lab", headers=headers),
    ):
        pass
