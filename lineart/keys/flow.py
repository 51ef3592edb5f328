"""Optical flow between two drawings, on ink that fades with the distance to the lines."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Complex, Float32, UInt8

from lineart.image import Line, Size

Flow = Float32[np.ndarray, "H W 2"]
"""x and y to add to a pixel of one drawing to find the same place in the other."""

Misfit = Float32[np.ndarray, "H W"]
"""Difference of the soft ink around each place, in levels of 255."""

REACHES = (1 / 24, 1 / 64)
"""Distances over which ink fades by a factor of e, as shares of the longer side: first the flow of
the coarse one, then that of the fine one, which starts from it."""
MOVE_SHRINK = 4
"""Factor by which ink is shrunk to find the global move."""
MIN_MOVE = 0.01
"""Smaller global moves, as a share of the longer side, need no start of their own."""
MAX_MOVES = 2
"""Most global moves that the flow starts from, besides rest."""
SEEN = 20
"""Level of soft ink from which a pixel counts in the misfit of a flow."""
AROUND = 1 / 16
"""Side of the window in which flows are compared, as a share of the longer side."""
UNEXPLAINED, MAX_LEFT = 25, 0.1
"""Ink with a larger misfit fits nowhere yet; a larger share of such ink has a move of its own."""


class SoftInk(NamedTuple):
    """Ink that fades with the distance to the lines: 255 on ink, 0 far from it."""

    coarse: Line
    fine: Line
    spectrum: Complex[np.ndarray, "2h F"]
    """Fourier transform of the fine ink, shrunk and padded to twice the size."""


def make_soft_ink(paper: UInt8[np.ndarray, "H W"]) -> SoftInk:
    """Make the soft ink of a mask of paper."""
    distance = cv2.distanceTransform(paper, cv2.DIST_L2, 5) if not paper.all() else None
    coarse, fine = (_fade(distance, paper, share) for share in REACHES)
    return SoftInk(coarse, fine, _spectrum(fine))


def _fade(distance: np.ndarray | None, paper: np.ndarray, share: float) -> Line:
    if distance is None:
        return np.zeros(paper.shape, np.uint8)
    faded = cv2.exp(distance * np.float32(-1 / (share * max(paper.shape)))) * 255
    soft: Line = cv2.GaussianBlur(faded, (0, 0), 1.0).astype(np.uint8)
    return soft


def _spectrum(ink: Line) -> np.ndarray:
    height, width = (max(1, side // MOVE_SHRINK) for side in ink.shape)
    small = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.fft.rfft2(small - small.mean(), (2 * height, 2 * width))


def resize_ink(ink: SoftInk, size: Size) -> SoftInk:
    """Return the soft ink at another size of the same aspect ratio."""
    area = (size[1], size[0])
    coarse, fine = (cv2.resize(one, area, interpolation=cv2.INTER_AREA) for one in ink[:2])
    return SoftInk(coarse, fine, _spectrum(fine))


def resize_flow(flow: Flow, size: Size) -> Float32[np.ndarray, "h w 2"]:
    """Return a flow at another size, in pixels of that."""
    height, width = flow.shape[:2]
    resized: Float32[np.ndarray, "h w 2"]
    resized = cv2.resize(flow, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    resized *= np.array([size[1] / width, size[0] / height], np.float32)
    return resized


def find_flow(drawing: SoftInk, key: SoftInk) -> tuple[Flow, Misfit]:
    """Find for each pixel of a drawing the place in the key that shows the same.

    Dense inverse search starts from rest; if the drawings fit best after a global move, it starts
    from that, too; and if much ink fits nowhere yet, from the move that fits this ink best: a
    figure may stand still while the background pans. Each place takes the flow that fits best
    around it.

    Returns:
        The flow and its misfit.

    Source:
        Kroeger, Timofte, Dai, Van Gool, "Fast Optical Flow using Dense Inverse Search", ECCV 2016.
    """
    least = MIN_MOVE * max(drawing.fine.shape)
    flow = _refine(drawing, key, np.zeros((*drawing.fine.shape, 2), np.float32))
    misfit = _misfit(drawing, key, flow)
    moves = [np.zeros(2, np.float32)]
    spectrum = drawing.spectrum
    for _ in range(MAX_MOVES):
        move = _peak(spectrum, key.spectrum)
        if all(np.abs(move - other).max() > least for other in moves):
            moved = _refine(drawing, key, np.broadcast_to(move, flow.shape).copy())
            flow, misfit = _choose(flow, misfit, moved, _misfit(drawing, key, moved))
            moves.append(move)
        is_left = (misfit > UNEXPLAINED) & (drawing.fine > SEEN)
        if is_left.mean() <= MAX_LEFT * (drawing.fine > SEEN).mean():
            break
        spectrum = _spectrum(np.where(is_left, drawing.fine, 0))
    return flow, misfit


def _choose(flow: Flow, misfit: Misfit, other: Flow, other_misfit: Misfit) -> tuple[Flow, Misfit]:
    """Take at each place the flow that fits best around it."""
    is_better = other_misfit < misfit
    chosen: Flow = np.where(is_better[:, :, np.newaxis], other, flow)
    return chosen, np.where(is_better, other_misfit, misfit)


def _peak(spectrum: np.ndarray, other: np.ndarray) -> Float32[np.ndarray, " 2"]:
    height, width = spectrum.shape[0], (spectrum.shape[1] - 1) * 2
    match = np.fft.irfft2(spectrum.conj() * other, (height, width))
    y, x = np.unravel_index(int(match.argmax()), match.shape)
    down = int(y) - height * (2 * int(y) >= height)
    right = int(x) - width * (2 * int(x) >= width)
    return np.array([right, down], np.float32) * MOVE_SHRINK


def _refine(drawing: SoftInk, key: SoftInk, flow: Flow) -> Flow:
    threads = cv2.getNumThreads()
    # The search divides the picture among threads, and the flow depends on the division.
    cv2.setNumThreads(1)
    try:
        for one, other in ((drawing.coarse, key.coarse), (drawing.fine, key.fine)):
            # One object for pictures of several sizes has crashed.
            search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
            flow = search.calc(one, other, flow)
    finally:
        cv2.setNumThreads(threads)
    return flow


def _misfit(drawing: SoftInk, key: SoftInk, flow: Flow) -> Misfit:
    carried = cv2.remap(key.fine, target_positions(flow), None, cv2.INTER_LINEAR, borderValue=0)
    size = max(3, round(AROUND * max(carried.shape)) // 2 * 2 + 1)
    difference = cv2.absdiff(drawing.fine, carried)
    _, is_seen = cv2.threshold(cv2.max(drawing.fine, carried), SEEN, 1, cv2.THRESH_BINARY)
    around, seen = (cv2.boxFilter(one, cv2.CV_32F, (size, size)) for one in (difference, is_seen))
    misfit: Misfit = around / np.maximum(seen, 0.02)
    return misfit


def target_positions(flow: Flow) -> Flow:
    """Return the place in the key, x and y, of each pixel."""
    height, width = flow.shape[:2]
    places = flow.copy()
    places[:, :, 0] += np.arange(width, dtype=np.float32)
    places[:, :, 1] += np.arange(height, dtype=np.float32)[:, np.newaxis]
    return places
