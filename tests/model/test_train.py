from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from spacekit.errors import OptionError
from spacekit.model.dataset import Dataset
from spacekit.model.features import NUMERIC, Features
from spacekit.model.regimes import REGIMES, regimes_of
from spacekit.model.settings import TrainingSettings
from spacekit.model.split import split_groups
from spacekit.model.train import Trained, describe, train_model

torch = pytest.importorskip("torch")

SETTINGS = TrainingSettings(epochs=2, batch_size=8, image_size=64, threads=1)


@pytest.fixture(scope="module")
def data() -> Dataset:
    rng = np.random.default_rng(2)
    count = 48
    labels = (np.arange(count) % 2).astype("f")
    numeric = rng.lognormal(2, 1, (count, len(NUMERIC))).astype("f")
    numeric[:, NUMERIC.index("offset_px")] *= 1 + 9 * labels
    numeric[:, NUMERIC.index("ellipticity")] = np.nan
    return Dataset(
        tuple(f"hst_{i // 2}_01_wfc3_ir_total_i{i}" for i in range(count)),
        Features(numeric, rng.integers(-1, 4, (count, 3)), {}),
        labels,
        rng.integers(0, 256, (count, 3, 64, 64, 3), dtype=np.uint8),
        np.ones(count, "f"),
        rng.integers(0, 256, (count, 32, 2, 32, 32), dtype=np.uint8),
        0,
        (),
    )


def state(trained: Trained) -> np.ndarray:
    return np.concatenate([v.numpy().ravel() for v in trained.network.state_dict().values()])


def test_the_seed_makes_a_run_repeatable(data: Dataset) -> None:
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    one = train_model(data, SETTINGS)
    assert torch.equal(torch.random.get_rng_state(), before)  # nobody else's chance is touched
    torch.manual_seed(5)
    two = train_model(data, SETTINGS)
    other = train_model(data, replace(SETTINGS, seed=1))
    assert np.array_equal(state(one), state(two))
    assert not np.array_equal(state(one), state(other))


def test_scaling_knows_the_training_rows_only(data: Dataset) -> None:
    trained = train_model(data, replace(SETTINGS, epochs=1))
    numeric = data.features.numeric.copy()
    held_out = np.setdiff1d(np.arange(len(data)), trained.split.train)
    numeric[held_out] *= 1000
    changed = replace(data, features=replace(data.features, numeric=numeric))
    again = train_model(changed, replace(SETTINGS, epochs=1))
    for name in ("mean", "width", "power"):
        a, b = (getattr(t.network.table, name) for t in (trained, again))
        assert torch.equal(a, b)


def test_power_transform_makes_a_skewed_column_even(data: Dataset) -> None:
    from scipy.stats import skew

    from spacekit.model.branches import yeo_johnson
    from spacekit.model.scaling import fit_scaling

    numeric = data.features.numeric
    scaling = fit_scaling(numeric, power=True)
    column = NUMERIC.index("point")
    raw = torch.from_numpy(numeric[:, [column]] / scaling.scale[column])
    even = yeo_johnson(torch.nan_to_num(raw), torch.from_numpy(scaling.power[[column]])).numpy()
    assert abs(skew(even[:, 0])) < 0.2 < abs(skew(numeric[:, column]))
    empty = NUMERIC.index("ellipticity")
    assert (scaling.mean[empty], scaling.width[empty]) == (0, 1)
    assert train_model(data, replace(SETTINGS, epochs=1, power_transform=True)).history["loss"]


def test_scaling_has_bins_about_where_a_sign_is_sure(data: Dataset) -> None:
    from spacekit.model.scaling import LIMITS_SURE, fit_scaling

    numeric = data.features.numeric.copy()
    numeric[:, NUMERIC.index("twin_crossed")] = np.linspace(0, 20, len(numeric))
    scaling = fit_scaling(numeric)
    assert len(scaling.mean) == len(NUMERIC) + 1
    ends = scaling.edges[-1] * scaling.width[-1] + scaling.mean[-1]
    wanted = np.log1p(np.array(LIMITS_SURE) / scaling.scale[-1])
    assert np.abs(ends[:, None] - wanted).min(axis=0).max() < 1e-5


@pytest.mark.parametrize("power", [-2.0, 0.0, 5e-4, 0.5, 1.0, 2.0, 3.0])
def test_yeo_johnson_agrees_with_scipy(power: float) -> None:
    from scipy.stats import yeojohnson

    from spacekit.model.branches import yeo_johnson

    x = np.array([-20.0, -1.0, -0.01, 0.0, 0.01, 1.0, 30.0])
    got = yeo_johnson(torch.from_numpy(x)[:, None], torch.tensor([power]))[:, 0].numpy()
    assert np.allclose(got, yeojohnson(x, power), rtol=2e-3)


@pytest.mark.parametrize("stopping", ["val_loss", "val_accuracy", None])
def test_history_and_stopping(data: Dataset, stopping: str | None) -> None:
    seen = []
    settings = replace(SETTINGS, epochs=5, patience=1, early_stopping=stopping, lr=0.9)
    trained = train_model(data, settings, progress=lambda epoch, values: seen.append(epoch))
    assert {*trained.history} == {"loss", "accuracy", "val_loss", "val_accuracy", "lr", "seconds"}
    assert seen == list(range(1, len(trained.history["loss"]) + 1))
    if stopping is None:
        assert len(seen) == 5
    for part, proba in trained.probabilities.items():
        assert proba.shape == getattr(trained.split, part).shape


def test_published_params() -> None:
    published = {
        **{"batch_size": 32, "epochs": 60, "lr": 1e-4, "decay": [100000, 0.96]},
        **{"early_stopping": None, "verbose": 2},
    }
    settings = SETTINGS.with_params(published)
    assert (settings.batch_size, settings.decay) == (32, (100000.0, 0.96))
    assert settings.image_size == 64
    assert SETTINGS.with_params(None) == SETTINGS
    assert SETTINGS.with_params(published | {"ensemble": True}) == settings  # as the original's
    of_numpy = {"epochs": np.int64(3), "batch_size": np.int32(16), "lr": np.float32(0.25)}
    settings = SETTINGS.with_params(of_numpy)
    assert json.dumps(asdict(settings)) == json.dumps(
        asdict(replace(SETTINGS, epochs=3, batch_size=16, lr=0.25))
    )


@pytest.mark.parametrize(
    "params",
    [
        {"ensemble": False},
        {"seed": 1},
        {"lr": 0},
        {"lr": "fast"},
        {"epochs": 0},
        {"epochs": 2.5},
        {"verbose": "yes"},
        {"batch_size": 1},
        {"decay": [1]},
        {"decay": 0.9},
        {"early_stopping": "loss"},
    ],
)
def test_wrong_params(params: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        SETTINGS.with_params(params)


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"threads": 0}, {"patience": -1}, {"image_size": 48}]
)
def test_wrong_settings(wrong: dict[str, int]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        replace(SETTINGS, **wrong)


def test_a_device_that_is_none(data: Dataset) -> None:
    with pytest.raises(OptionError, match="device 'nope'"):
        train_model(data, replace(SETTINGS, device="nope"))


def test_what_decay_is_is_told() -> None:
    with pytest.raises(OptionError, match="pair"):
        SETTINGS.with_params({"decay": 0.9})


def test_which_value_is_wrong_is_told() -> None:
    with pytest.raises(OptionError, match=r"^params: epochs is 'many' \(.*\)"):
        SETTINGS.with_params({"epochs": "many"})


def test_decay_is_followed(data: Dataset) -> None:
    trained = train_model(data, replace(SETTINGS, epochs=3, decay=(1, 0.5), early_stopping=None))
    steps = len(trained.split.train) // 8
    lr = trained.history["lr"]
    assert lr[1] / lr[0] == pytest.approx(0.5**steps)


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    data: Dataset, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, epochs=4, early_stopping=None)
    whole = train_model(data, settings)
    checkpoint = tmp_path / "m.part.npz"

    def stop(epoch: int, values: dict[str, float]) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_model(data, settings, checkpoint=checkpoint, progress=stop)
    seen = []
    again = train_model(
        data, settings, checkpoint=checkpoint, progress=lambda epoch, values: seen.append(epoch)
    )
    assert seen == [3, 4]
    assert np.array_equal(state(whole), state(again))
    assert again.history["loss"] == whole.history["loss"]


def test_a_checkpoint_of_other_settings_or_a_broken_one_is_not_taken(
    data: Dataset, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "m.part.npz"

    def stop(epoch: int, values: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_model(data, SETTINGS, checkpoint=checkpoint, progress=stop)
    kept = checkpoint.read_bytes()
    for content, settings in ((kept, replace(SETTINGS, lr=1e-3)), (kept[:500], SETTINGS)):
        checkpoint.write_bytes(content)
        trained = train_model(data, settings, checkpoint=checkpoint)
        fresh = train_model(data, settings)
        assert np.array_equal(state(trained), state(fresh))


def test_a_checkpoint_holds_whatever_is_said_of_the_run(data: Dataset, tmp_path: Path) -> None:
    checkpoint, epochs = tmp_path / "m.part.npz", []

    def stop(epoch: int, values: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_model(data, SETTINGS, checkpoint=checkpoint, progress=stop)
    other = replace(SETTINGS, verbose=0, threads=2)
    train_model(data, other, checkpoint=checkpoint, progress=lambda n, _: epochs.append(n))
    assert epochs == [2]


def test_a_checkpoint_of_a_network_of_another_size_is_not_taken(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spacekit.model import branches, loop

    checkpoint, epochs = tmp_path / "m.part.npz", []

    def stop(epoch: int, values: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_model(data, SETTINGS, checkpoint=checkpoint, progress=stop)
    wider = partial(branches.NetworkSettings, hidden=24)
    for module in (branches, loop):
        monkeypatch.setattr(module, "NetworkSettings", wider)
    train_model(data, SETTINGS, checkpoint=checkpoint, progress=lambda n, _: epochs.append(n))
    assert epochs == [1, 2]


def test_several_exposures_are_a_word_by_themselves(data: Dataset) -> None:
    plain = train_model(data, SETTINGS).calibration.lines[0]
    numeric = data.features.numeric.copy()
    for name in ("numexp", "filters"):
        numeric[:, NUMERIC.index(name)] = 4
    rows = split_groups(data.index, data.labels, SETTINGS.seed).calibrate
    good = rows[data.labels[rows] == 0]
    assert len(good) >= 2
    for name in ("numexp", "filters"):
        numeric[good[0], NUMERIC.index(name)] = 1
    lone = np.isin(np.arange(len(numeric[0])), [NUMERIC.index(n) for n in ("numexp", "filters")])
    numeric[good[0], ~lone] = np.nan
    single = replace(data, features=replace(data.features, numeric=numeric))
    trained = train_model(single, SETTINGS)
    assert regimes_of(numeric[good[:1]]) == REGIMES.index("single")
    # too few rows to fit a line: what stands there is that word alone
    assert (plain.slope, plain.intercept) == (1.0, 0.0)
    expected = -np.log(1 - 1 / len(good))
    assert trained.calibration.lines[0].intercept == pytest.approx(expected)


def test_scores_are_of_what_the_model_answers(data: Dataset, tmp_path: Path) -> None:
    from spacekit.model.artifact import save_artifact
    from spacekit.model.infer import load_model

    held_out = split_groups(data.index, data.labels, SETTINGS.seed).test
    numeric = data.features.numeric.copy()
    numeric[held_out[:3], NUMERIC.index("offset_px")] = 1e6  # beyond all that training had
    strange = replace(data, features=replace(data.features, numeric=numeric))
    trained = train_model(strange, SETTINGS)
    file = tmp_path / "m.onnx"
    save_artifact(file, trained.network, describe(strange, trained))
    model, rows = load_model(file), trained.split.test
    assert np.array_equal(rows, held_out)
    features = strange.features.of(rows)
    logits = model.logits(features, data.frames[rows], data.stamps[rows])
    seen = np.ones((len(rows), 2), bool)
    answers = model.answers(features, logits, seen, SETTINGS.prevalence)
    assert answers["unfamiliar"].map(bool).sum() >= 3
    assert np.allclose(answers["y_proba"], trained.probabilities["test"], atol=1e-5)
    assert np.array_equal(answers["y_pred"], trained.verdicts["test"])


def test_calibration_has_a_line_for_each_regime(data: Dataset) -> None:
    trained = train_model(data, SETTINGS)
    assert len(trained.calibration.lines) == len(REGIMES)
    assert trained.calibration.prevalence == SETTINGS.prevalence
    proba = trained.probabilities["test"]
    assert ((proba > 0) & (proba < 1)).all()
