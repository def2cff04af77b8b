"""The command line answers at once and says what it can do."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from spacekit.cli import app, launch

HEAVY = ("numpy", "pandas", "astropy", "onnxruntime", "torch", "PIL", "scipy", "tqdm", "jinja2")


@pytest.mark.parametrize("args", [["--help"], ["svm", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    code = (
        "import sys, spacekit.cli\n"
        f"sys.argv = ['spacekit', *{args!r}]\n"
        "try:\n    spacekit.cli.main()\n"
        "except SystemExit as end:\n    assert end.code == 0, end.code\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout.strip()


@pytest.mark.parametrize(
    ("module", "needless"),
    [
        ("spacekit.skopes.hst.svm.predict", ("astropy", "scipy", "tables", "h5py", "torch")),
        ("spacekit.skopes.hst.svm.prep", ("scipy.stats", "onnxruntime", "jinja2", "torch")),
        ("spacekit.skopes.hst.svm.simulate", ("astropy", "scipy", "galsim", "drizzle")),
    ],
)
def test_jobs_import_what_they_use(module: str, needless: tuple[str, ...]) -> None:
    code = f"import sys, {module}\nprint([m for m in {needless!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_command_listed_can_be_imported() -> None:
    runner = CliRunner()
    listed = runner.invoke(app, ["svm", "--help"]).output
    for name in app.commands["svm"].list_commands(None):  # type: ignore[arg-type, attr-defined]
        assert name in listed
        answer = runner.invoke(app, ["svm", name, "--help"])
        assert answer.exit_code == 0, answer.output
        assert "Usage:" in answer.output


def test_own_errors_become_one_sentence_and_status_2(
    tmp_path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("index\nhst_1\n")
    monkeypatch.setattr(sys, "argv", ["spacekit", "svm", "label", str(table), str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        launch(app)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "no truth.json" in said
    assert "Traceback" not in said
