"""A floor imports only from the floors below it, and nothing unsafe is in the project."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GROUND = {"landmarks", "logits", "glosses", "mismatch", "scoring", "errors", "config", "files", "timing", "quiet",
          "transcripts",
          "cleanup", "scoresheet", "pictures", "drawing", "subtitles", "alternatives", "locks", "stdout",
          "kinds", "legacy_keras", "outputs", "plain_text",
          "bounds", "plausibility", "resampling"}  # fmt: skip
# Each floor may import itself, the ground floor, and what is named here.
MAY_IMPORT = {
    "corpus": set(),
    "features": {"corpus"},
    "models": {"corpus", "features"},
    "decoding": set(),
    "runtime": {"decoding"},
    "live": {"corpus", "runtime"},
    "training": {"corpus", "features", "models", "decoding", "runtime"},
    "teaching": {"corpus", "runtime", "live", "training"},
    "report": {"corpus", "features", "decoding", "runtime", "training"},
}
NO_TENSORFLOW = ("corpus", "decoding", "runtime", "live")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module == "tf_slr":
                yield from (f"tf_slr.{alias.name}" for alias in node.names)
            else:
                yield node.module


def sources():
    return sorted((ROOT / "tf_slr").rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_floors(path):
    inside = path.relative_to(ROOT / "tf_slr").parts
    floor = inside[0] if len(inside) > 1 else inside[0].removesuffix(".py")
    if floor in ("cli", "commands", "__main__", "__init__"):
        return
    allowed = {"__version__"} | (GROUND if floor in GROUND else GROUND | {floor} | MAY_IMPORT[floor])
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] == "tf_slr" and len(parts) > 1:
            assert parts[1] in allowed, f"{path.name} imports {name}"
        if floor in GROUND or floor in NO_TENSORFLOW:
            assert parts[0] not in ("tensorflow", "tf_keras", "keras_nlp"), f"{path.name} imports {name}"


def test_ground_floor_needs_numpy_only():
    script = "import sys\n" + "".join(f"import tf_slr.{name}\n" for name in GROUND)
    script += "print({m.split('.')[0] for m in sys.modules} & {'tensorflow', 'cv2', 'mediapipe', 'tqdm', 'scipy'})"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_who_imports_the_package_keeps_his_environment():
    script = (
        "import os; before = dict(os.environ)\n"
        "import tf_slr, tf_slr.runtime, tf_slr.corpus.inputs, tf_slr.live.session\n"
        "assert dict(os.environ) == before\n"
        "import tf_slr.models; print(os.environ['TF_USE_LEGACY_KERAS'], os.environ.get('OPENBLAS_NUM_THREADS'))\n"
    )
    free = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "OPENBLAS"))}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=free)
    assert (done.stdout, done.stderr) == ("1 None\n", "")
    # Threads of OpenBLAS would cost a command a third of a core: it and what it starts have one.
    for module in ("tf_slr.cli", "export.__main__"):
        # Seen by the library when it is loaded, so that what stands there before counts.
        script = (
            "import os, sys, builtins; known = builtins.__import__\n"
            "def watch(name, *rest):\n"
            "    if name == 'numpy' and 'numpy' not in sys.modules: print(os.environ.get('OPENBLAS_NUM_THREADS'))\n"
            f"    return known(name, *rest)\nbuiltins.__import__ = watch\nimport {module}\n"
        )
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, env=free)
        assert done.stdout.splitlines()[:1] == ["1"], done.stderr


def test_recipes_runs_and_corpora_are_read_without_tensorflow():
    # What is wrong with them is said before the seconds that TensorFlow takes to load.
    names = ("corpus.manifest", "training.recipe", "training.runs", "training.correction.recipe",
             "training.correction.run", "training.correction.text", "runtime")  # fmt: skip
    script = "import sys\n" + "".join(f"import tf_slr.{name}\n" for name in names)
    script += "print({m.split('.')[0] for m in sys.modules} & {'tensorflow', 'tf_keras', 'keras_nlp', 'cv2'})"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_command_line_is_read_by_the_projects_parser():
    # Python's own exits with 2 at a wrong option, which means a bug here.
    for folder in ("tf_slr", "export", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not re.search(r"= (argparse\.)?ArgumentParser\(", path.read_text()), path


def test_lines_are_printed_by_say():
    # Names of the user's may hold what a terminal obeys; `tf_slr.stdout.say` and `printable` escape it.
    for path in (path for folder in ("tf_slr", "export", "tools") for path in (ROOT / folder).rglob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        prints = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
        assert not prints or path.name == "stdout.py", f"{path}, line {prints[0]}: expected say() of tf_slr.stdout"
        raw = [node.lineno for node in calls if ast.unparse(node.func) == "tqdm.write"
               and not ast.unparse(node.args[0]).startswith(("printable(", "_table(", "SUBTITLES["))]  # fmt: skip
        assert not raw, f"{path}, line {raw[0]}: expected printable() of tf_slr.stdout"


def test_nothing_unsafe_is_in_the_project():
    unsafe = re.compile(
        r"\bpickle\b(?!=False)|allow_pickle=True|os\.system\(|\beval\(|\bexec\(|safe_mode=False|yaml\.load"
    )
    for folder in ("tf_slr", "export", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            for line in path.read_text().splitlines():
                assert not unsafe.search(line.split("#")[0]), f"{path}: {line}"
