from __future__ import annotations

import pandas as pd
import pytest

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
