"""Each measure against a value found by hand or by another program."""

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from core.colour.lab import lab_to_srgb
from core.learn.measures import picture

RANDOM = np.random.default_rng(5)


def test_ab_rmse_is_the_root_of_the_mean_square_over_both_channels():
    truth = np.zeros((2, 1, 2))
    ours = np.array([[[3.0, 0.0]], [[4.0, 1.0]]])
    assert picture.ab_rmse(ours, truth) == pytest.approx(math.sqrt((9 + 16 + 1) / 4))


def test_psnr_is_scikit_images_on_8_bit_codes():
    ours, truth = RANDOM.random((2, 9, 7, 3))
    codes = [np.round(picture * 255).astype(np.uint8) for picture in (ours, truth)]
    expected = peak_signal_noise_ratio(codes[1], codes[0], data_range=255)
    assert picture.psnr(ours, truth) == pytest.approx(expected)
    assert picture.psnr(truth, truth) == math.inf


def test_auc_is_the_mean_share_of_pixels_within_each_threshold():
    truth = np.zeros((2, 1, 3))
    ours = np.zeros((2, 1, 3))
    ours[0, 0] = [0.0, 10.5, 200.0]  # within all thresholds, within 11..150, within none
    expected = 100 * (151 + 140 + 0) / (3 * 151)
    assert picture.auc(ours, truth) == pytest.approx(expected)
    only_first = np.array([[1.0, 0.0, 0.0]])
    assert picture.auc(ours, truth, only_first) == pytest.approx(100)


def test_colourfulness_is_hasler_and_suesstrunks_with_signed_differences():
    red_and_green = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    # rg = 255, -255 (mean 0, deviation 255); yb = 127.5 twice (mean 127.5, deviation 0)
    assert picture.colourfulness(red_and_green) == pytest.approx(255 + 0.3 * 127.5)
    assert picture.colourfulness(np.full((2, 2, 3), 0.4)) == 0


def test_a_gray_answer_scores_zero_in_every_ratio():
    lightness = np.full((8, 8), 60.0)
    truth = RANDOM.normal(0, 20, (2, 8, 8))
    row = picture.summary([picture.judge(np.zeros_like(truth), truth, lightness)])
    for ratio in ("colourfulness_ratio", "chroma_ratio", "a_ratio", "b_ratio"):
        assert row[ratio] == pytest.approx(0, abs=1e-3)
    assert row["ab_rmse"] == pytest.approx(np.sqrt(np.mean(truth**2)))


def test_the_truth_itself_scores_full_marks():
    lightness = RANDOM.uniform(30, 80, (8, 8))
    truth = RANDOM.normal(0, 10, (2, 8, 8))
    row = picture.summary([picture.judge(truth, truth, lightness)] * 2)
    assert row["pictures"] == 2 and row["ab_rmse"] == 0 and row["auc"] == 100
    assert row["chroma_ratio"] == row["a_ratio"] == row["colourfulness_ratio"] == 1


def test_the_rmse_at_the_true_chroma_does_not_change_with_vividness():
    """Else a paler copy of a model would be chosen before the model itself."""
    lightness = np.full((8, 8), 60.0)
    truths = RANDOM.normal(5, 15, (3, 2, 8, 8))
    answers = truths + RANDOM.normal(0, 10, truths.shape)

    def score(scale: float) -> float:
        pairs = zip(answers, truths, strict=True)
        rows = [picture.judge(ours * scale, truth, lightness) for ours, truth in pairs]
        return picture.summary(rows)["ab_rmse_at_true_chroma"]

    assert score(0.5) == pytest.approx(score(1.0)) == pytest.approx(score(1.4))


def test_psnr_is_taken_at_the_true_lightness():
    lightness = np.full((4, 4), 50.0)
    truth, ours = np.full((2, 4, 4), 10.0), np.full((2, 4, 4), -10.0)
    row = picture.judge(ours, truth, lightness)
    pictures = [lab_to_srgb(np.stack([lightness, *ab], axis=-1)).clip(0, 1) for ab in (ours, truth)]
    assert row["psnr"] == pytest.approx(picture.psnr(*pictures))


def test_one_hue_share_is_one_under_a_veil_and_low_where_hues_oppose_each_other():
    veil = np.stack((np.linspace(2, 8, 16), np.linspace(4, 16, 16))).reshape(2, 4, 4)
    assert picture.one_hue_share(veil) == pytest.approx(1)
    both = np.array([[[10.0, -10.0]], [[0.0, 0.0]]])
    assert picture.one_hue_share(both) == pytest.approx(0)
    right_angle = np.array([[[10.0, 0.0]], [[0.0, 10.0]]])
    assert picture.one_hue_share(right_angle) == pytest.approx(math.sqrt(0.5))
    assert math.isnan(picture.one_hue_share(np.zeros((2, 3, 3))))


def test_the_skin_error_counts_skin_coloured_pixels_alone():
    truth = np.zeros((2, 10, 10))
    truth[:, :2] = np.array([15.0, 18.0])[:, None, None]  # hue 50 degrees
    truth[:, 5:] = np.array([-20.0, 20.0])[:, None, None]  # a lawn
    gray_skin = truth.copy()
    gray_skin[:, :2] = 0
    wrong_lawn = truth.copy()
    wrong_lawn[:, 5:] = 0
    assert picture.skin_error(gray_skin, truth) == pytest.approx(math.hypot(15, 18))
    assert picture.skin_error(wrong_lawn, truth) == 0
    assert math.isnan(picture.skin_error(truth, np.zeros((2, 10, 10))))


def test_pictures_without_a_value_are_left_out_of_its_mean():
    lightness, truth = np.full((8, 8), 60.0), np.zeros((2, 8, 8))
    truth[:, :4] = np.array([15.0, 18.0])[:, None, None]
    gray = np.zeros_like(truth)
    rows = [picture.judge(gray, truth, lightness), picture.judge(truth, gray, lightness)]
    row = picture.summary(rows)
    assert row["skin_error"] == pytest.approx(math.hypot(15, 18))
    assert row["one_hue_share"] == row["one_hue_share_truth"] == pytest.approx(1)
    assert math.isnan(picture.summary(rows[1:])["skin_error"])


def test_absolute_error_and_share_within_ten_units_are_those_found_by_hand():
    truth = np.zeros((2, 1, 4))
    ours = np.array([[[3.0, 6.0, 8.0, 0.0]], [[4.0, 8.0, 7.0, 0.0]]])  # 5, 10, 10.6, 0 away
    assert picture.ab_absolute_error(ours, truth) == pytest.approx((3 + 6 + 8 + 4 + 8 + 7) / 8)
    assert picture.share_within(ours, truth) == 0.75
    row = picture.summary([picture.judge(ours, truth, np.full((1, 4), 50.0))])
    assert row["ab_absolute_error"] == pytest.approx(36 / 8) and row["share_within_10"] == 0.75
