"""Commands that are refused, run one after the other in a process that has not loaded TensorFlow."""

import contextlib
import importlib
import io
import json
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np

from tests.tiny import isolated
from tf_slr.core import files
from tf_slr.core.landmarks import Normalisation
from tf_slr.corpus.compose import ComposeOptions, prepare_isolated
from tf_slr.corpus.manifest import Corpus, CorpusInfo
from tf_slr.runtime.bundle import write_bundle
from tf_slr.training.recipe import load_recipe
from tf_slr.training.runs import Run

# The module of each command line, as one writes its name.
PROGRAMS = {"tf-slr": "tf_slr.cli.main", "export": "export.__main__"}


def furnish(root: Path) -> None:
    """One of everything that people confuse, made without training."""
    signs = isolated(root / "signs.npz", takes=12)
    options = ComposeOptions(train=6, dev=3, test=3, background="REST")
    prepare_isolated([str(signs)], [], root / "corpus", options, CorpusInfo("tiny", "test"))
    corpus = Corpus(root / "corpus")
    for name in ("run", "fresh"):
        Run(root / name).start(corpus, load_recipe("default"))
    Run(root / "teacher").start(corpus, load_recipe("default", ["model={kind='corrnet'}"]))
    for name in ("run", "teacher"):
        files.write_npz(root / name / "best.npz", {"weights": np.zeros(2)})
    shutil.copytree(root / "run", root / "damaged")
    files.write_json(root / "damaged/corpus.json", {"path": 3})
    about = {"corpus": {"fps": 30.0}}
    write_bundle(root / "bundle", b"no model", corpus.vocabulary(), Normalisation(), about, lambda content: "card")
    files.write_text(root / "corrector/corrector.json", "{}")
    files.write_text(root / "text.txt", "text")
    files.write_text(root / "videos/a.mp4", "no video")
    files.write_text(root / "misspelt.toml", "[training]\nepoch = 3\n")
    files.write_text(root / "broken.toml", "a = = 3")
    (root / "empty").mkdir()


def run(command: str) -> dict:
    """Run a command line in this process; what came of it, as plain JSON."""
    program, *arguments = shlex.split(command)
    sys.argv = [program, *arguments]  # which tools read
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main = importlib.import_module(PROGRAMS.get(program, program)).main
            code = main(arguments) if program in PROGRAMS else main()
        except SystemExit as leaving:
            code = leaving.code
        out.flush(), err.flush()
    said = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return {"code": code, "out": said[0], "err": said[1], "loaded": sorted({"tensorflow", "cv2"} & set(sys.modules))}


def main() -> None:
    """Run the commands of standard input, a JSON list; R stands for a folder of `furnish`, the only argument."""
    root = Path(sys.argv[1])
    sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
    furnish(root)
    print(json.dumps([run(command.replace("R/", f"{root}/")) for command in json.load(sys.stdin)]))


if __name__ == "__main__":
    main()
