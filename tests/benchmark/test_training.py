from lineart.benchmark.training import measure_training
from lineart.training.recipes import small, tiny


def test_training_steps_are_timed() -> None:
    """Each stage has a time per image and the share of time spent waiting for samples."""
    figures = measure_training(2, {"small": tiny(small())})
    assert [figure.case for figure in figures] == ["small draft", "small color"]
    assert all(figure.median_ms > 0 and "waits" in figure.note for figure in figures)
