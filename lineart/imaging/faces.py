"""Faces of photographs: find them, stand them upright at one place, crop, raise the contrast."""

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from lineart.image import Frame, Size, resize

DETECTION_SIDE_PX = 640
"""Longest side at which faces are looked for; YuNet was trained at this size."""

NUM_LOOKS = 2
"""How often a face is looked at again once it is roughly upright.

YuNet is less sure of tilted faces: turned by 20 degrees either way, 30 photographs gave faces that
lay 9.5 pixels of 256 from the unturned one's, 5.0 with one more look and 2.8 with two.
"""

CLOSER_SIDE_PX, CLOSER_PADDING = 256, 0.65
"""What is cut out to look again."""

LEAST_SCORE = 0.7
"""Least confidence, 0..1, of a face."""

TEMPLATE = np.array(
    [
        (0.225492, 0.215990),
        (0.754761, 0.215990),
        (0.490127, 0.515625),
        (0.254149, 0.780233),
        (0.726104, 0.780233),
    ]
)
"""Where YuNet's five landmarks lie in dlib's mean face: x and y in the unit square.

dlib aligns by four corners of eyes and the base of the nose. YuNet finds centres of eyes, the tip
of the nose and corners of the mouth, so we take those places from dlib's mean face of 68 landmarks
(an eye is the mean of its six). That mapping is ours; the eyes' corners agree in both to 0.017.
"""

Landmarks = Float64[np.ndarray, "5 2"]
"""x and y in pixels: eyes (the left one in the picture is first), tip of the nose, mouth's corners.

Pixels have their centres at whole numbers, as for OpenCV.
"""

Face = UInt8[np.ndarray, "Side Side 3"]
"""A square picture: sRGB, 0..255."""


class FaceAligner:
    """Find faces with YuNet and align them.

    Args:
        model: The bytes of YuNet's ONNX file.

    Raises:
        ValueError: The bytes are no such model.

    Source:
        Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", MIR 2023, as OpenCV's
        `FaceDetectorYN`.
    """

    def __init__(self, model: bytes) -> None:
        # It warns of a choice of hardware that nobody has made.
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            self.detector = cv2.FaceDetectorYN.create(
                framework="onnx",
                bufferModel=np.frombuffer(model, np.uint8),
                bufferConfig=np.empty(0, np.uint8),
                input_size=(64, 64),
                score_threshold=LEAST_SCORE,
            )
            # Another network loads without complaint and fails when it is run.
            self.detector.detect(np.zeros((64, 64, 3), np.uint8))
        except cv2.error as error:
            raise ValueError(
                f"these {len(model)} bytes are no YuNet face detector that OpenCV can run; give "
                f"the ONNX file face_detection_yunet ({' '.join(error.err.split())})"
            ) from error
        finally:
            cv2.utils.logging.setLogLevel(level)

    def align(self, image: Frame, *, size_px: int = 256, padding: float = 0.65) -> Face | None:
        """Give the largest face, upright and cropped; None where there is no face.

        Beyond the photograph's border its last pixels are repeated.

        Args:
            image: The photograph.
            size_px: Side of the square.
            padding: As in `alignment`.

        Source:
            Paper 004, test code: dlib's `get_face_chip` with size 256 and padding 0.65.
        """
        landmarks = self.find(image)
        return None if landmarks is None else cut_out(image, landmarks, size_px, padding)

    def find(self, image: Frame) -> Landmarks | None:
        """Give the landmarks of the largest face; None where there is no face."""
        landmarks = self.detect(image)
        for _ in range(NUM_LOOKS):
            if landmarks is not None:
                landmarks = self.look_closer(image, landmarks)
        return landmarks

    def look_closer(self, image: Frame, landmarks: Landmarks) -> Landmarks:
        """Give the landmarks again, as the detector sees them in the upright face."""
        closer = self.detect(cut_out(image, landmarks, CLOSER_SIDE_PX, CLOSER_PADDING))
        if closer is None:
            return landmarks
        to_photo = alignment(landmarks, CLOSER_SIDE_PX, CLOSER_PADDING)
        better: Landmarks = cv2.transform(closer[np.newaxis], to_photo)[0]
        return better

    def detect(self, image: Frame) -> Landmarks | None:
        """Give what one run of the detector says of the largest face; None where there is none."""
        height, width = image.shape[:2]
        scale = min(1.0, DETECTION_SIDE_PX / max(height, width))
        size: Size = max(1, round(height * scale)), max(1, round(width * scale))
        self.detector.setInputSize(size[::-1])
        _, faces = self.detector.detect(cv2.cvtColor(resize(image, size), cv2.COLOR_RGB2BGR))
        if faces is None:
            return None
        # Left, top, width, height; five landmarks; score.
        largest = max(faces.astype(np.float64), key=lambda face: face[2] * face[3])
        centers = largest[4:14].reshape(5, 2) + 0.5
        landmarks: Landmarks = centers * (width / size[1], height / size[0]) - 0.5
        return landmarks


def cut_out(image: Frame, landmarks: Landmarks, size_px: int, padding: float) -> Face:
    """Give the face with these landmarks, upright; arguments as in `alignment`."""
    to_photo = alignment(landmarks, size_px, padding)
    # A large face is cut out at about its own size and shrunk by area, so that nothing aliases.
    factor = max(1, int(np.hypot(*to_photo[:, 0])))
    finer = to_photo / factor
    finer[:, 2] = to_photo @ (0.5 / factor - 0.5, 0.5 / factor - 0.5, 1)
    side = size_px * factor
    face: Face = cv2.warpAffine(
        image,
        finer,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return resize(face, (size_px, size_px))


def alignment(landmarks: Landmarks, size_px: int, padding: float) -> Float64[np.ndarray, "2 3"]:
    """Give the similarity that takes pixels of an aligned face to their places in the photograph.

    Args:
        landmarks: In the photograph.
        size_px: Side of the aligned face.
        padding: Border around dlib's face, which reaches from above the brows to the lower lip, as
            a share of its side: with 0.65 it takes 1 / 2.3 of the picture.

    Raises:
        ValueError: `size_px` is not positive, or `padding` is not above -0.5.

    Source:
        dlib's `get_face_chip_details`: least squares from the template to the landmarks.
    """
    if size_px < 1 or padding <= -0.5:
        raise ValueError(f"a face needs size_px >= 1, padding > -0.5, got {size_px}, {padding}")
    x, y = ((TEMPLATE + padding) / (1 + 2 * padding) * size_px - 0.5).T
    one, zero = np.ones(5), np.zeros(5)
    # x' = a x - b y + c, y' = b x + a y + d.
    equations = np.vstack((np.column_stack((x, -y, one, zero)), np.column_stack((y, x, zero, one))))
    (a, b, c, d), *_ = np.linalg.lstsq(equations, landmarks.T.ravel())
    return np.array([[a, -b, c], [b, a, d]])


def center_crop(image: Frame, size_px: int) -> Face:
    """Give the largest square in the middle of a picture, resized to `size_px`."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(image[top : top + side, left : left + side])
    return resize(square, (size_px, size_px))


def raise_contrast(image: Frame, contrast: int = 30) -> Frame:
    """Make dark darker and light lighter.

    Source:
        Paper 004, test code: `img * (contrast / 127 + 1) - contrast`, clipped to 0..255; what is
        between two levels becomes the lower one.
    """
    levels = np.arange(256) * (contrast / 127 + 1) - contrast
    raised: Frame = cv2.LUT(image, np.clip(levels, 0, 255).astype(np.uint8))
    return raised
