"""Landmarks of a clip as the Parquet files of KD-MSLRT's release hold them."""

import numpy as np
import pytest

from tf_slr.core.landmarks import LIPS_INDICES, POSE_INDICES

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402

# Width over height of PHOENIX' pictures.
ASPECT = 210 / 260


def columns_of(clip):
    """The release's columns of a clip: name -> values, a float64 for each frame."""
    points = np.concatenate([clip.landmarks, clip.shoulders], axis=1).astype(np.float64)
    names = [f"{index}_pose_landmarks" for index in POSE_INDICES]
    names += [f"{index}_face_landmarks" for index in LIPS_INDICES]
    names += [f"{index}_{side}_hand_landmarks" for side in ("left", "right") for index in range(21)]
    names += ["11_pose_landmarks", "12_pose_landmarks"]
    return {f"{axis}_{name}": points[:, i, k] for k, axis in enumerate("xyz") for i, name in enumerate(names)}


def write(path, columns, **options):
    """Write columns as a Parquet file, with the folders above it; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, **options)
    return path
