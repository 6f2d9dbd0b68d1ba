"""Property test of the HTTP API: no request leads to an internal error."""

import sys
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latentarium.studio.child_processes import latentarium_command
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.server import make_app
from support.tiny_studio import open_models

ADDRESS = "http://127.0.0.1:8765"
ENDLESS = ("/events",)
"""Suffixes of routes that stream until the client disconnects."""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    models = open_models(tmp_path_factory.mktemp, 200, "vae_debug", "cgan_debug")
    runs, host = tmp_path_factory.mktemp("runs"), {"host": urlsplit(ADDRESS).netloc}

    def command(*arguments: str) -> list[str]:
        if arguments[0] in ("evaluate", "fit-prior"):  # they take minutes
            return [sys.executable, "-c", "pass"]
        return latentarium_command(*arguments)

    app = make_app(ModelRegistry(models), runs=runs, command=command)
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers=host)


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    database=None,
)
@given(data=st.data())
def send_requests(operation, data):
    case = data.draw(operation.as_strategy())
    index = case.path_parameters.get("index")
    if isinstance(index, int) and data.draw(st.booleans()):
        case.path_parameters["index"] = index % 2  # a model that exists
    answer = case.call(base_url=ADDRESS)
    assert answer.status_code < 500, f"{case.as_curl_command()}: {answer.text}"


# hypothesis compares the state of `random` before and after a strategy, so it also warns where
# another thread used the module meanwhile
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
def test_no_request_is_an_internal_error(api):
    operations = [operation.ok() for operation in api.get_all_operations()]
    assert len(operations) > 4
    for operation in operations:
        if not operation.path.endswith(ENDLESS):
            send_requests(operation)
