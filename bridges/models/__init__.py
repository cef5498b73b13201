"""The models that the command knows by name."""

from bridges.models.named import MODELS, SIDE_BY_SIDE, Model, Options

__all__ = ["MODELS", "SIDE_BY_SIDE", "Model", "Options"]
