"""The code of the registered model. MLflow stores this file beside the checkpoint, without any pickle.

MLflow runs its copy wherever the model is loaded; the package must be installed there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow.models
import mlflow.pyfunc
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from amc.evaluation.clip_maker import ClipMaker, load_clip_maker


class ClipModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]  # MLflow has no types
    """Makes clips, uint8 (n, T, H, W, 3), from {"image": uint8 (n, H, W, 3), "label": int64 (n,)}."""

    maker: ClipMaker

    def load_context(self, context: Any) -> None:
        """Loads the checkpoint; called by MLflow."""
        files = context.artifacts
        self.maker = load_clip_maker(Path(files["checkpoint"]), Path(files["velocities"]))

    # The input is a mapping of arrays. From that annotation MLflow would derive a schema of its own, and fail; for a
    # table it checks the signature that is saved with the model.
    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> NDArray[np.uint8]:
        """See `ClipMaker`; `params` may contain `seed`."""
        seed = int((params or {}).get("seed", 0))
        return self.maker(np.asarray(model_input["image"]), np.asarray(model_input["label"]), seed=seed)


mlflow.models.set_model(ClipModel())
