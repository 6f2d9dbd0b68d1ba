"""export."""

import json

import pytest

from support.command_line import error_code, output_of


def test_export_prints_the_size_the_error_and_the_latency(tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    file = tmp_path / "gan.onnx"
    content = json.loads(output_of(capsys, "export", "shipped:cgan", "--onnx", file, "--json"))
    decoder = content["onnx"]["decoder"]
    assert content["onnx"]["encoder"] is None
    assert decoder["file"] == str(file)
    assert decoder["bytes"] == file.stat().st_size
    assert decoder["inputs"] == ["z", "label"]
    assert 0 <= decoder["max_error"] <= 1e-5
    assert all(time > 0 for time in decoder["milliseconds"].values())


def test_a_page_and_onnx_files_are_written_by_one_call(tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    page, decoder = tmp_path / "gan.html", tmp_path / "gan.onnx"
    words = ("export", "shipped:gan", "--html", page, "--onnx", decoder, "--json")
    content = json.loads(output_of(capsys, *words))
    assert content["html"]["file"] == str(page)
    assert content["html"]["bytes"] == page.stat().st_size < 8_000_000
    assert content["html"]["max_error"] < 1 / 255
    assert content["html"]["milliseconds"] > 0
    assert content["onnx"]["decoder"]["bytes"] == decoder.stat().st_size


def test_nothing_is_written_if_one_of_the_files_cannot_be(tmp_path, capsys):
    page = tmp_path / "gan.html"
    words = ("export", "shipped:gan", "--html", page, "--onnx", tmp_path)
    assert error_code(capsys, *words) == "cannot-write"
    assert not list(tmp_path.iterdir())


def test_export_without_a_file_and_to_a_folder_is_refused(tmp_path, capsys):
    assert error_code(capsys, "export", "shipped:gan") == "nothing-to-export"
    assert error_code(capsys, "export", "shipped:gan", "--onnx", tmp_path) == "cannot-write"
