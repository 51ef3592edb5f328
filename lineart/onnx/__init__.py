"""ONNX: export of trained pairs, its verification, and inference without PyTorch."""
