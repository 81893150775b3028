"""A package imports only from the packages below it, and nothing unsafe is in the project."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BASIS = {"core", "formats"}
RECOGNITION = BASIS | {"scoring", "litert", "decoding", "correction", "runtime"}
# Every package, from the lowest up, and the packages it may import besides itself; imports within functions count.
# `export` stands beside `tf_slr`, and only commands and applications call it.
MAY_IMPORT = {
    "core": set(),
    "formats": {"core"},
    "scoring": BASIS,
    "litert": {"core"},
    "video": {"core"},
    "corpus": {"core", "video"},
    "tracking": {"core", "corpus", "video"},
    "importers": BASIS | {"video", "corpus", "tracking"},
    "synth": {"core", "video", "corpus"},
    "features": {"core", "video", "corpus"},
    "models": {"core"},
    "decoding": BASIS,
    "correction": BASIS | {"scoring", "litert", "decoding"},
    "runtime": BASIS | {"litert", "decoding", "correction"},
    "training": RECOGNITION | {"video", "corpus", "features", "models"},
    "correction.training": RECOGNITION | {"corpus", "models", "training"},
    "export": RECOGNITION | {"corpus", "features", "models", "training", "correction.training"},
    "apps": RECOGNITION | {"video", "corpus", "tracking", "importers", "features", "training", "export"},
}
COMMANDS = {"cli", "__main__", "__init__"}  # may import everything but the tools
NO_TENSORFLOW = {"core", "formats", "scoring", "video", "corpus", "tracking", "importers", "synth", "decoding",
                 "correction", "runtime"}  # fmt: skip


def package_of(name):
    """The package in `MAY_IMPORT` that a module belongs to, or None if it is none of the project's."""
    parts = name.split(".")
    if parts[0] == "export":
        return "export"
    if parts[0] != "tf_slr" or len(parts) == 1:
        return None
    return "correction.training" if parts[1:3] == ["correction", "training"] else parts[1]


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources():
    return sorted(path for folder in ("tf_slr", "export", "tools") for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_floors(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    own = package_of(name)
    for imported in imports_of(path):
        root = imported.split(".")[0]
        assert root not in ("tests", "tools") or own is None, f"{name} imports {imported}"
        if own in NO_TENSORFLOW:
            assert root not in ("tensorflow", "tf_keras", "keras_nlp"), f"{name} imports {imported}"
        if own is None or own in COMMANDS or name == "export.__main__":
            continue
        package = package_of(imported)
        if package and package != "__version__":
            assert package in MAY_IMPORT[own] | {own}, f"{name} imports {imported}"


def test_what_recognises_needs_numpy_and_litert_only():
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sources()]
    names = [name for name in names if package_of(name) in RECOGNITION]
    script = "import sys\n" + "".join(f"import {name.removesuffix('.__init__')}\n" for name in names)
    script += "print({m.split('.')[0] for m in sys.modules} & {'tensorflow', 'cv2', 'mediapipe', 'scipy', 'av'})"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_who_imports_the_package_keeps_his_environment():
    script = (
        "import os; before = dict(os.environ)\n"
        "import tf_slr, tf_slr.runtime, tf_slr.apps.inputs, tf_slr.apps.live.session\n"
        "assert dict(os.environ) == before\n"
        "import tf_slr.models; print(os.environ['TF_USE_LEGACY_KERAS'], os.environ.get('OPENBLAS_NUM_THREADS'))\n"
    )
    free = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "OPENBLAS"))}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=free)
    assert (done.stdout, done.stderr) == ("1 None\n", "")
    # Threads of OpenBLAS would cost a command a third of a core: it and what it starts have one.
    for module in ("tf_slr.cli.main", "export.__main__"):
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
    names = ("corpus.manifest", "training.recipe", "training.runs", "correction.training.recipe",
             "correction.training.run", "correction.training.text", "runtime")  # fmt: skip
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
    # Names of the user's may hold what a terminal obeys; `tf_slr.core.stdout.say` and `printable` escape it.
    for path in (path for folder in ("tf_slr", "export", "tools") for path in (ROOT / folder).rglob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        prints = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
        assert not prints or path.name == "stdout.py", f"{path}, line {prints[0]}: expected say() of tf_slr.core.stdout"
        raw = [node.lineno for node in calls if ast.unparse(node.func) == "tqdm.write"
               and not ast.unparse(node.args[0]).startswith(("printable(", "_table(", "SUBTITLES["))]  # fmt: skip
        assert not raw, f"{path}, line {raw[0]}: expected printable() of tf_slr.core.stdout"


def test_nothing_unsafe_is_in_the_project():
    unsafe = re.compile(
        r"\bpickle\b(?!=False)|allow_pickle=True|os\.system\(|\beval\(|\bexec\(|safe_mode=False|yaml\.load"
    )
    for folder in ("tf_slr", "export", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            for line in path.read_text().splitlines():
                assert not unsafe.search(line.split("#")[0]), f"{path}: {line}"
