"""NIST's scorer, where it is installed (Debian: apt-get install sctk), to hold ours against."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

DEBIAN = Path("/usr/lib/sctk/bin/sclite")


class Scored(NamedTuple):
    """What sclite makes of a sentence: hits, substitutions, deletions, insertions, and the alignment in capitals."""

    counts: tuple[int, ...]
    reference: list[str]
    hypothesis: list[str]


def sclite(ctm: Path, stm: Path, folder: Path) -> dict[str, Scored]:
    """Score a CTM against an STM, both sorted by utterance; skips the test where sclite is not installed."""
    program = shutil.which("sclite") or (DEBIAN if DEBIAN.is_file() else None)
    if program is None:
        pytest.skip("sclite is not installed; on Debian: apt-get install sctk")
    folder.mkdir(exist_ok=True)
    command = [program, "-h", ctm, "ctm", "-r", stm, "stm", "-f", "0", "-o", "pralign", "-O", folder]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    sentences = {}
    for block in (folder / f"{ctm.name}.pra").read_text().split("\nFile: ")[1:]:
        counts = re.search(r"#C #S #D #I\) (\d+) (\d+) (\d+) (\d+)", block).groups()
        rows = [re.search(rf"^{side}: (.*)$", block, re.MULTILINE) for side in ("REF", "HYP")]
        words = [row[1].upper().split() if row else [] for row in rows]
        sentences[block.splitlines()[0]] = Scored(tuple(map(int, counts)), *words)
    return sentences
