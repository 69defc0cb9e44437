"""What a training says of its folds."""

from tenthman.cli.train import slope_line


def test_the_slope_of_the_calibration_stands_beside_the_noise_of_its_folds() -> None:
    told = slope_line([0.8, 1.0, 1.2, 1.0], 0.9)
    assert told.startswith("slope of the calibration: 0.90, over 4 folds 1.00 (standard error 0.08;")
    assert slope_line([0.8], 0.9) == "slope of the calibration: 0.90, over 1 fold 0.80"
