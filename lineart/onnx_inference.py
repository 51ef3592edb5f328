"""Models of ONNX on pictures of any size, without PyTorch; `weights.onnx_file` says which."""

from typing import Any

import numpy as np
import onnxruntime
from jaxtyping import UInt8

Pictures = UInt8[np.ndarray, "B H W ..."]

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""Where models run, the best place first."""


class OnnxModel:
    """Run a model on one picture after another, so that none depends on those that come with it.

    Args:
        data: The file.
        inputs: Names of what goes in, in the order of the calls.
        output: Name of what comes out.

    Raises:
        ValueError: ONNX Runtime cannot open the file.
    """

    def __init__(self, data: bytes, inputs: tuple[str, ...], output: str) -> None:
        self.session = open_session(data)
        self.inputs = inputs
        self.output = output

    def __call__(self, *stacks: Pictures) -> Pictures:
        """Give an answer to each picture, of its height and width.

        Raises:
            ValueError: ONNX Runtime cannot run it, or it gives no pictures of that size.
        """
        count, *size = stacks[0].shape[:3]
        if not count:
            raise ValueError("no picture")
        answers = [
            self._answer([stack[index : index + 1] for stack in stacks]) for index in range(count)
        ]
        for answer in answers:
            if answer.dtype != np.uint8 or answer.shape[:3] != (1, *size):
                raise ValueError(
                    f"the model gives {self.output} as {answer.dtype}{[*answer.shape]}, not as "
                    f"uint8{[1, *size, ...]}"
                )
        return np.concatenate(answers)

    def _answer(self, pictures: list[Pictures]) -> np.ndarray:
        feed = dict(zip(self.inputs, pictures, strict=True))
        try:
            answer: np.ndarray = self.session.run([self.output], feed)[0]
        # ONNX Runtime's errors have no name in common.
        except Exception as error:
            raise ValueError(f"ONNX Runtime cannot run the model: {str(error)[:500]}") from error
        return answer


def open_session(data: bytes) -> Any:
    """Open a model on one thread: the pipeline runs as many frames at once as there are cores.

    Raises:
        ValueError: ONNX Runtime cannot open it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    there = onnxruntime.get_available_providers()
    providers = [provider for provider in PROVIDERS if provider in there]
    try:
        return onnxruntime.InferenceSession(data, options, providers=providers)
    # ONNX Runtime's errors have no name in common.
    except Exception as error:
        raise ValueError(f"ONNX Runtime cannot open the model: {str(error)[:500]}") from error
