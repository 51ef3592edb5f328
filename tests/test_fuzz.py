"""Whatever bytes come, the codec gives a right picture or a `ValueError`."""

import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tests import fuzzing

FILES = fuzzing.seeds(np.random.default_rng(0))
SIGNATURES = st.sampled_from([b"", *{file[:12] for file in FILES}])


def check(data: bytes) -> bool:
    """Decode, without the warnings of Pillow when it says how large a file claims to be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fuzzing.check_decoders(data)


def test_whole_files_are_pictures() -> None:
    """Every seed of the fuzzing is a picture before it is damaged."""
    assert all(check(file) for file in FILES)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(SIGNATURES, st.binary(max_size=300))
def test_any_bytes(signature: bytes, noise: bytes) -> None:
    """Noise, with the beginning of any format or without, is refused or a picture."""
    check(signature + noise)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_damaged_files(seed: int) -> None:
    """Files with wrong bits, cuts, numbers and parts are refused, or have the size they say."""
    check(fuzzing.mutate(np.random.default_rng(seed), FILES))


SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=30).flatmap(
    lambda size: st.sampled_from([size, (*size, 3), (*size, 4)])
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(SHAPES.flatmap(lambda shape: arrays(np.uint8, shape)))
def test_all_that_is_written_is_read(image: np.ndarray) -> None:
    """Pictures of every shape come back to the bit: by us, by Pillow and by OpenCV."""
    fuzzing.check_round_trip(image)
