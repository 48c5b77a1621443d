"""DeepLabCut's CSV files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amc.errors import UserError
from amc.importing.keypoints.reading import read_table


def test_deeplabcut(tmp_path: Path) -> None:
    head = "scorer,DLC_net,DLC_net,DLC_net,DLC_net,DLC_net,DLC_net\nbodyparts,nose,nose,nose,paw,paw,paw\n"
    head += "coords,x,y,likelihood,x,y,likelihood\n"
    for label in "ab":
        (tmp_path / label).mkdir()
        (tmp_path / label / "film1DLC_net.csv").write_text(head + "0,10.5,20,0.9,5,6,0.1\n1,11,21,0.99,5,6,1\n")
    table = read_table(tmp_path)
    assert table.names == ("nose", "paw")
    assert table.remarks == ("read as DeepLabCut's, without points whose likelihood is below 0.6",)
    assert set(table.videos) == {"a/film1", "b/film1"}
    np.testing.assert_array_equal(table.videos["a/film1"].points, [[[10.5, 20], [np.nan, np.nan]], [[11, 21], [5, 6]]])
    with pytest.raises(UserError, match="3 keypoint names for 2 points: nose, paw"):
        read_table(tmp_path, ("a", "b", "c"))
