"""Scripts of shell completion."""

import shutil
import subprocess

import pytest

from support.command_line import run_command

BASH = """source "$0"
name=$(complete -p latentarium | sed 's/.*-F \\([^ ]*\\).*/\\1/')
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
$name latentarium "${COMP_WORDS[$COMP_CWORD]}" "${COMP_WORDS[$COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def script(tmp_path, capsys):
    def write(shell):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            run_command("--tyro-print-completion", shell)
        assert not stop.value.code
        path = tmp_path / shell
        path.write_text(capsys.readouterr().out)
        return path

    return write


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_scripts_have_no_syntax_errors(script, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", script(shell)], check=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "completions"),
    [
        (["expo"], ["export"]),
        (["export", "runs/a", "--h"], ["--help", "--html"]),
        (["fit-prior", "runs/a", "--kind", "class-"], ["class-gaussian", "class-mixture"]),
    ],
)
def test_bash_completes_commands_options_and_choices(script, words, completions):
    command = ["bash", "-c", BASH, script("bash"), "latentarium", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == completions


def test_descriptions_are_on_one_line(script):
    (line,) = (x for x in script("bash").read_text().splitlines() if x.startswith("COMPLETION_"))
    assert "\\n" not in line
