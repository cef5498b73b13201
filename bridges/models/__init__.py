"""The models that the command knows by name."""

from bridges.models.named import FIRST, MODELS, SIDE_BY_SIDE, Model, Options

__all__ = ["FIRST", "MODELS", "SIDE_BY_SIDE", "Model", "Options"]
