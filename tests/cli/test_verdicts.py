from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from spacekit.cli.explore import explore
from spacekit.cli.run import show_verdicts
from spacekit.evaluate.tally import tally_of


def test_the_screen_says_what_cant_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame(
        {
            "index": ["looked", "blind", "off", "lost"],
            "y_pred": [0.0, 0.0, 1.0, None],
            "y_proba": [0.1, 0.2, 0.9, None],
            "rests_on": ["table + pixels", "table + frames", "table", "nothing"],
        }
    )
    show_verdicts(tally_of(table), {"blind": "aligned, 0.00 px"})
    said = capsys.readouterr()
    rows = [" ".join(line.split()) for line in (said.out + said.err).splitlines()]
    assert "looked aligned 0.100" in rows
    assert "blind can't tell 0.200 aligned, 0.00 px" in rows
    assert "off suspicious 0.900" in rows
    assert "lost no answer nan" in rows


def test_a_strangers_names_move_no_terminal(toy: Path, tmp_path: Path) -> None:
    table = pd.read_csv(toy / "svm_data.csv")
    table.loc[0, "index"] = "\x1b]0;owned\x07\x1b[31mred"
    table["gaia"] = table["gaia"].astype(float)
    table.loc[0, "gaia"] = 1e9
    path = tmp_path / "t.csv"
    table.to_csv(path, index=False)
    # a short option may have an equals sign in every command
    done = CliRunner().invoke(explore, [str(path), "-p=0", f"-o={tmp_path / 'found'}"])
    assert done.exit_code == 0, done.output
    assert "red: gaia is 1e+09" in done.output
    assert "\x1b" not in done.output
    assert (tmp_path / "found" / "summary.csv").is_file()
