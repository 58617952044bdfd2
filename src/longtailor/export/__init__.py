"""A detector as a file that other engines run."""

from longtailor.export.onnx_file import Exported, export_onnx

__all__ = ["Exported", "export_onnx"]
