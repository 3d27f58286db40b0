"""Predictions of a learned prompt for CLIP.

    >>> import cocoop
    >>> model = cocoop.load("runs/mine")
    >>> model.predict("photo.jpg").label
    'bird'

The numbers are those of ``cocoop predict --no-cache``, to the last digit. A model is one process of the tool, which is
started at the first prediction and ends with the interpreter.
"""

from __future__ import annotations

from ._model import Candidate, CocoopError, Image, Model, Prediction, load

__all__ = ["Candidate", "CocoopError", "Image", "Model", "Prediction", "load"]
