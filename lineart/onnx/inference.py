"""Inference of ONNX models on pictures, without PyTorch; see `weights.onnx_file`."""

from typing import Any

import numpy as np
import onnxruntime
from jaxtyping import UInt8

Pictures = UInt8[np.ndarray, "B H W ..."]

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""Execution providers in order of preference."""


class OnnxModel:
    """Runs an ONNX model on one picture at a time, so that results do not depend on other pictures.

    Args:
        data: Content of the ONNX file.
        inputs: Names of the inputs, in the order of arguments of a call.
        output: Name of the output.

    Raises:
        ValueError: ONNX Runtime cannot open the file.
    """

    def __init__(self, data: bytes, inputs: tuple[str, ...], output: str) -> None:
        self.session = open_session(data)
        self.inputs = inputs
        self.output = output

    def __call__(self, *stacks: Pictures) -> Pictures:
        """Return the output for each picture, of the same height and width.

        Raises:
            ValueError: There is no picture, ONNX Runtime cannot run the model, or its output is not
                uint8 of that size.
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
        # ONNX Runtime's exceptions have no common base class.
        except Exception as error:
            raise ValueError(f"ONNX Runtime cannot run the model: {str(error)[:500]}") from error
        return answer


def open_session(data: bytes) -> Any:
    """Open a model with one thread, because film pipelines run one frame per core.

    Raises:
        ValueError: ONNX Runtime cannot open the model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    there = onnxruntime.get_available_providers()
    providers = [provider for provider in PROVIDERS if provider in there]
    try:
        return onnxruntime.InferenceSession(data, options, providers=providers)
    # ONNX Runtime's exceptions have no common base class.
    except Exception as error:
        raise ValueError(f"ONNX Runtime cannot open the model: {str(error)[:500]}") from error
