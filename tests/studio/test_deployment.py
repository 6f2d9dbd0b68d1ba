"""Which hosts, paths and frames the server accepts."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from latentarium.studio.deployment import Deployment
from latentarium.studio.server import make_app
from support.command_line import error_code
from support.errors import raises_code

IN_FRAME = {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "iframe",
}
NOTEBOOK = "http://localhost:8888"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("base_path", "studio"), ("base_path", "/"), ("base_path", "/a b"), ("base_path", "/a?b"),
        ("base_path", "//evil.example"), ("hosts", "*"), ("hosts", "a b"), ("hosts", "a:80"),
        ("hosts", ""), ("frames", "*"), ("frames", "localhost:8888"), ("frames", NOTEBOOK + "/"),
        ("frames", "http://a; script-src *"), ("frames", "javascript:alert(1)"),
        ("frames", "http://[::1"), ("frames", "http://bad\n"), ("frames", "http://ä.example"),
    ],
)  # fmt: skip
def test_malformed_addresses_are_refused(option, value):
    given: dict[str, Any] = {option: value if option == "base_path" else (value,)}
    with raises_code("invalid-address"):
        Deployment(**given)


def test_the_command_line_refuses_malformed_addresses(capsys):
    assert error_code(capsys, "studio", "--allow-frame", "*") == "invalid-address"


def test_a_base_path_may_be_kept_or_removed_by_the_proxy(served):
    app = make_app(served.registry, deployment=Deployment(base_path="/a/b/"))
    with TestClient(app, base_url="http://127.0.0.1:8765", follow_redirects=False) as client:
        for path in ("/a/b/", "/", "/a/b/api/models", "/api/models"):
            assert client.get(path).status_code == 200
        moved = client.get("/a/b?x=1")
        assert (moved.status_code, moved.headers["location"]) == (307, "/a/b/?x=1")
        assert client.get("/a/bc/").status_code == 404
        assert client.post("/a/b/api/uploads/x", headers=IN_FRAME).status_code == 403


@pytest.mark.parametrize("written", ["/工作室/b c", "/%E5%B7%A5%E4%BD%9C%E5%AE%A4/b%20c"])
def test_a_base_path_may_be_written_with_or_without_percent_encoding(served, written):
    deployment = Deployment(base_path=written.replace(" ", "%20"))
    app = make_app(served.registry, deployment=deployment)
    with TestClient(app, base_url="http://127.0.0.1:8765", follow_redirects=False) as client:
        assert client.get("/工作室/b c/api/models").status_code == 200
        moved = client.get("/工作室/b c")
        assert moved.headers["location"] == "/%E5%B7%A5%E4%BD%9C%E5%AE%A4/b%20c/"


def test_other_hosts_and_their_pages_are_refused_unless_allowed(served):
    proxied = {"host": "studio.example", "origin": "https://studio.example"}
    rewritten = {"host": "127.0.0.1:8765", "origin": "https://studio.example"}
    apps = {
        200: make_app(served.registry, deployment=Deployment(hosts=("Studio.example",))),
        400: make_app(served.registry),
    }
    for status, app in apps.items():
        with TestClient(app, base_url="http://127.0.0.1:8765") as client:
            assert client.get("/api/models", headers=proxied).status_code == status
            assert client.get("/api/models", headers=rewritten).status_code == (
                200 if status == 200 else 403
            )
            others = {"host": "127.0.0.1:8765", "origin": "https://other.example"}
            assert client.get("/api/models", headers=others).status_code == 403


def test_frames_are_refused_unless_allowed(served):
    with TestClient(make_app(served.registry), base_url="http://127.0.0.1:8765") as client:
        assert client.get("/", headers=IN_FRAME).status_code == 403
        assert "frame-ancestors 'none'" in client.get("/").headers["content-security-policy"]
    app = make_app(served.registry, deployment=Deployment(frames=(NOTEBOOK,)))
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        answer = client.get("/", headers=IN_FRAME)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert policy.endswith(f"frame-ancestors 'self' {NOTEBOOK}")
        assert client.get("/api/models", headers=IN_FRAME).status_code == 403
