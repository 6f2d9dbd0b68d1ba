"""Whatever is asked of the server, it answers, and never with a fault of its own."""

import sys
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latentarium.studio import processes
from latentarium.studio.registry import Gallery
from latentarium.studio.server import make_app
from support.tiny_studio import open_models

ADDRESS = "http://127.0.0.1:8765"
ENDLESS = ("/events",)
"""What streams until the visitor goes."""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    found = open_models(tmp_path_factory.mktemp, 200, "vae_debug", "cgan_debug")
    runs, host = tmp_path_factory.mktemp("runs"), {"host": urlsplit(ADDRESS).netloc}
    real = processes.command

    def quick(*words: str) -> list[str]:  # measuring starts, but not for minutes
        return [sys.executable, "-c", "pass"] if words[0] == "evaluate" else real(*words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "command", quick)
        app = make_app(Gallery(found), runs=runs)
        yield schemathesis.openapi.from_asgi("/openapi.json", app, headers=host)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    database=None,
)
@given(chance=st.data())
def ask(operation, chance):
    case = chance.draw(operation.as_strategy())
    given_index = case.path_parameters.get("index")
    if isinstance(given_index, int) and chance.draw(st.booleans()):
        case.path_parameters["index"] = given_index % 2  # of a model that is there
    answer = case.call(base_url=ADDRESS)
    assert answer.status_code < 500, f"{case.as_curl_command()}: {answer.text}"


def test_nothing_that_is_asked_is_the_servers_fault(api):
    asked = [found.ok() for found in api.get_all_operations()]
    assert len(asked) > 4
    for operation in asked:
        if not operation.path.endswith(ENDLESS):
            ask(operation)
