"""Waveforms: what the classes have in common, so that only memory tells them apart."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from plexgrad.data import load
from plexgrad.data.waveforms import CLASSES, STEPS, TEST, TRAIN, pulses


@pytest.fixture(scope="module")
def data():
    return load("waveforms")


def score(classify, data, features, labels=lambda y: y.argmax(1)):
    """Test accuracy of a linear classifier on features of the sequences."""
    fitted = classify.fit(features(data.x_train[:, :, 0]), labels(data.y_train))
    return fitted.score(features(data.x_test[:, :, 0]), labels(data.y_test))


def test_both_parts_hold_a_quarter_of_each_class(data):
    assert data.x_train.shape == (TRAIN, STEPS, 1)
    assert data.x_test.shape == (TEST, STEPS, 1)
    assert data.classes == CLASSES
    for y, count in ((data.y_train, TRAIN), (data.y_test, TEST)):
        assert y.sum(axis=0).tolist() == [count / 4] * 4


def test_no_test_sequence_is_in_the_training_set(data):
    rows = [{row.tobytes() for row in x} for x in (data.x_train, data.x_test)]
    assert len(rows[0]) == TRAIN
    assert rows[0].isdisjoint(rows[1])


def test_the_seed_and_the_noise_are_what_differs(data):
    other = load("waveforms", seed=1)
    assert np.abs(other.x_train - data.x_train).max() > 0.5
    assert np.array_equal(other.y_train, data.y_train)
    rough = (load("waveforms", noise=noise).x_train for noise in (0.0, 0.1))
    clean, noisy = rough
    inside = (clean > 0.3) & (clean < 0.7)
    assert np.std((noisy - clean)[inside]) == pytest.approx(0.03, rel=0.03)
    assert "seed 1 and noise 0.2" in other.source


def test_a_chirp_rises_and_falls_and_a_swell_grows_and_fades():
    labels = np.repeat(np.arange(4), 500)
    parts = np.stack(np.split(pulses(np.random.RandomState(3), labels), 4))
    turns = np.abs(np.diff(np.sign(parts), axis=2)) / 2
    early, late = turns[..., : STEPS // 2].sum(2), turns[..., STEPS // 2 :].sum(2)
    assert late[0].mean() > 1.5 * early[0].mean()
    assert early[1].mean() > 1.5 * late[1].mean()
    power = (parts**2).mean(1)
    assert np.all(np.diff(power[2, ::8]) > 0)
    assert np.all(np.diff(power[3, ::8]) < 0)


def test_a_pulse_and_its_reverse_hold_the_same_values(data):
    kinds = [data.x_train[data.y_train.argmax(1) == label, :, 0] for label in range(4)]
    for forwards, backwards in (kinds[:2], kinds[2:]):
        one, other = np.sort(forwards, axis=1), np.sort(backwards, axis=1)
        error = np.hypot(one.std(0), other.std(0)) / np.sqrt(len(one))
        assert np.all(np.abs(one.mean(0) - other.mean(0)) < 4 * error)


def test_no_step_has_another_mean_in_one_class(data):
    for label in range(4):
        x = data.x_train[data.y_train.argmax(1) == label, :, 0]
        error = x.std(0) / np.sqrt(len(x))
        assert np.all(np.abs(x.mean(0) - 0.5) < 4.5 * error)


def test_averages_over_time_do_not_tell_the_classes(data):
    def averages(x):
        centred = x - 0.5
        powers = [np.mean(np.abs(centred) ** power, axis=1) for power in (1, 2, 3, 4)]
        shares = [np.mean(centred > edge, axis=1) for edge in np.linspace(-0.3, 0.3, 7)]
        return np.stack([x.mean(1), *powers, *shares], axis=1) * 10

    linear = RidgeClassifier()
    assert score(linear, data, lambda x: x.mean(1, keepdims=True)) < 0.35
    # Any averages tell chirps from swells; they do not tell the direction.
    direction = score(linear, data, averages, lambda y: y.argmax(1) % 2)
    assert direction == pytest.approx(0.5, abs=0.06)
    assert score(linear, data, averages) < 0.55


def test_a_linear_classifier_of_the_whole_sequence_is_near_chance(data):
    assert score(RidgeClassifier(), data, lambda x: x) < 0.45


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "option", [{"noise": -0.1}, {"noise": 1.0}, {"seed": -1}, {"seed": 0.5}]
)
def test_other_options_are_refused(option):
    with pytest.raises(ValueError, match=f"{next(iter(option))} must be"):
        load("waveforms", **option)
