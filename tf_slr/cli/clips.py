"""The clips that a command is given: files, folders of images, and folders of clips."""

from collections.abc import Iterable
from pathlib import Path

from tf_slr.core.kinds import Kind, kinds_of, suffix_kind

_CLIPS = (Kind.VIDEO, Kind.LANDMARKS, Kind.POSE)


def clips_of(paths: Iterable[Path]) -> list[Path]:
    """Every clip that is meant: for a folder of videos, landmark files or .pose files, each of these by its name.

    A folder of images is one clip, and so is whatever is no clip, which its reader refuses.
    """
    clips: list[Path] = []
    for path in paths:
        if path.is_dir() and set(kinds_of(path)) & {Kind.VIDEOS, Kind.CLIPS}:
            within = (file for file in path.iterdir() if not file.name.startswith("."))
            clips += sorted(file for file in within if suffix_kind(file) in _CLIPS and not file.is_dir())
        else:
            clips.append(path)
    return clips
