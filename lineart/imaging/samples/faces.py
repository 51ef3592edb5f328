"""Face detection and alignment with YuNet, centre crop, and contrast enhancement."""

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from lineart.image import Frame, Size, resize

DETECTION_SIDE_PX = 640
"""Long side to which larger photographs are shrunk for detection; YuNet was trained with it."""

NUM_LOOKS = 2
"""Number of times that detection is repeated on the aligned face.

YuNet is less accurate for tilted faces: in 30 photographs rotated by 20 degrees either way, faces
were 9.5 pixels of 256 from the unrotated one's, 5.0 with one repetition and 2.8 with two.
"""

CLOSER_SIDE_PX, CLOSER_PADDING = 256, 0.65
"""Side in pixels and padding of the aligned face on which detection is repeated."""

MIN_SCORE = 0.7
"""Least confidence of a detected face, 0..1."""

TEMPLATE = np.array(
    [
        (0.225492, 0.215990),
        (0.754761, 0.215990),
        (0.490127, 0.515625),
        (0.254149, 0.780233),
        (0.726104, 0.780233),
    ]
)
"""Positions of YuNet's five landmarks in dlib's mean face: x and y in the unit square.

dlib aligns by the four corners of the eyes and the base of the nose. YuNet finds the centres of the
eyes, the tip of the nose and the corners of the mouth, so these positions are from dlib's mean face
of 68 landmarks (an eye is the mean of its six). The mapping is ours; the corners of the eyes agree
with dlib's to 0.017.
"""

Landmarks = Float64[np.ndarray, "5 2"]
"""x and y in pixels: eyes (left in the picture first), tip of the nose, corners of the mouth.

Pixel centres are at whole numbers, as in OpenCV.
"""

Face = UInt8[np.ndarray, "Side Side 3"]
"""Square picture: sRGB, 0..255."""


class FaceAligner:
    """Finds faces with YuNet and aligns them.

    Args:
        model: Content of YuNet's ONNX file.

    Raises:
        ValueError: The content is not such a model.

    Source:
        Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", MIR 2023, as OpenCV's
        `FaceDetectorYN`.
    """

    def __init__(self, model: bytes) -> None:
        # Silence OpenCV's warning about the hardware backend, which was not requested.
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            self.detector = cv2.FaceDetectorYN.create(
                framework="onnx",
                bufferModel=np.frombuffer(model, np.uint8),
                bufferConfig=np.empty(0, np.uint8),
                input_size=(64, 64),
                score_threshold=MIN_SCORE,
            )
            # OpenCV also loads other networks and fails only when it runs them.
            self.detector.detect(np.zeros((64, 64, 3), np.uint8))
        except cv2.error as error:
            raise ValueError(
                f"these {len(model)} bytes are no YuNet face detector that OpenCV can run; give "
                f"the ONNX file face_detection_yunet ({' '.join(error.err.split())})"
            ) from error
        finally:
            cv2.utils.logging.setLogLevel(level)

    def align(self, image: Frame, *, size_px: int = 256, padding: float = 0.65) -> Face | None:
        """Return the largest face, upright and cropped; None if there is no face.

        Outside the photograph its border pixels are repeated.

        Args:
            image: Photograph.
            size_px: Side of the returned square in pixels.
            padding: As in `alignment`.

        Source:
            Paper 004, test code: dlib's `get_face_chip` with size 256 and padding 0.65.
        """
        landmarks = self.find(image)
        return None if landmarks is None else cut_out(image, landmarks, size_px, padding)

    def find(self, image: Frame) -> Landmarks | None:
        """Return the refined landmarks of the largest face; None if there is no face."""
        landmarks = self.detect(image)
        for _ in range(NUM_LOOKS):
            if landmarks is not None:
                landmarks = self.look_closer(image, landmarks)
        return landmarks

    def look_closer(self, image: Frame, landmarks: Landmarks) -> Landmarks:
        """Detect the landmarks again in the aligned face; return the old ones if none are found."""
        closer = self.detect(cut_out(image, landmarks, CLOSER_SIDE_PX, CLOSER_PADDING))
        if closer is None:
            return landmarks
        to_photo = alignment(landmarks, CLOSER_SIDE_PX, CLOSER_PADDING)
        better: Landmarks = cv2.transform(closer[np.newaxis], to_photo)[0]
        return better

    def detect(self, image: Frame) -> Landmarks | None:
        """Return the landmarks of the largest face from one detection; None if there is no face."""
        height, width = image.shape[:2]
        scale = min(1.0, DETECTION_SIDE_PX / max(height, width))
        size: Size = max(1, round(height * scale)), max(1, round(width * scale))
        self.detector.setInputSize(size[::-1])
        _, faces = self.detector.detect(cv2.cvtColor(resize(image, size), cv2.COLOR_RGB2BGR))
        if faces is None:
            return None
        # Row of `faces`: left, top, width, height; x and y of five landmarks; score.
        largest = max(faces.astype(np.float64), key=lambda face: face[2] * face[3])
        centers = largest[4:14].reshape(5, 2) + 0.5
        landmarks: Landmarks = centers * (width / size[1], height / size[0]) - 0.5
        return landmarks


def cut_out(image: Frame, landmarks: Landmarks, size_px: int, padding: float) -> Face:
    """Return the face with these landmarks, upright; arguments as in `alignment`."""
    to_photo = alignment(landmarks, size_px, padding)
    # Sample a large face at about its own size, then shrink it by area to avoid aliasing.
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
    """Return the similarity transform from pixels of the aligned face to the photograph.

    Args:
        landmarks: Landmarks in the photograph.
        size_px: Side of the aligned face in pixels, at least 1.
        padding: Border around dlib's face square, as a fraction of its side, above -0.5. The square
            spans from above the brows to the lower lip; with 0.65 its side is 1 / 2.3 of the
            picture's.

    Raises:
        ValueError: `size_px` is not positive, or `padding` is not above -0.5.

    Source:
        dlib's `get_face_chip_details`: least squares from the template to the landmarks.
    """
    if size_px < 1 or padding <= -0.5:
        raise ValueError(f"a face needs size_px >= 1, padding > -0.5, got {size_px}, {padding}")
    x, y = ((TEMPLATE + padding) / (1 + 2 * padding) * size_px - 0.5).T
    one, zero = np.ones(5), np.zeros(5)
    # Solve x' = a x - b y + c, y' = b x + a y + d for a, b, c, d.
    equations = np.vstack((np.column_stack((x, -y, one, zero)), np.column_stack((y, x, zero, one))))
    (a, b, c, d), *_ = np.linalg.lstsq(equations, landmarks.T.ravel())
    return np.array([[a, -b, c], [b, a, d]])


def center_crop(image: Frame, size_px: int) -> Face:
    """Return the largest centred square of a picture, resized to `size_px`."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(image[top : top + side, left : left + side])
    return resize(square, (size_px, size_px))


def raise_contrast(image: Frame, contrast: int = 30) -> Frame:
    """Increase the contrast around grey level 127.

    Source:
        Paper 004, test code: `img * (contrast / 127 + 1) - contrast`, clipped to 0..255 and rounded
        down.
    """
    levels = np.arange(256) * (contrast / 127 + 1) - contrast
    raised: Frame = cv2.LUT(image, np.clip(levels, 0, 255).astype(np.uint8))
    return raised
