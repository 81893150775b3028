"""Mutation score: what share of small faults, put into a module one at a time, its tests find.

python tools/mutation.py --out mutation.json                           every mutant of every module: hours
python tools/mutation.py --sample 40 --seed 0 --out mutation.json      40 of each module, drawn by the seed
python tools/mutation.py --module tf_slr/core/landmarks.py --survivors      once more what survived, after new tests

Works on a copy of the checkout. A run that was stopped goes on where it was; what was found of a module counts as long
as neither it nor its tests changed. Mutants that no test can find, because they do the same, are listed in
tools/equivalent_mutants.toml, each with its reason, and do not count.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from mutants import Mutant, mutants_of
from tqdm import tqdm

from tf_slr.cli.common import Parser
from tf_slr.cli.main import guarded
from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.stdout import say

ROOT = Path(__file__).parents[1]
# The tests that guard each module, the quickest first.
MODULES = {
    "tf_slr/core/landmarks.py": ("tests/core/test_landmarks.py",),
    "tf_slr/features/augment.py": ("tests/features/test_augment.py",),
    "tf_slr/training/ctc.py": ("tests/training/test_ctc.py",),
    "tf_slr/training/distill.py": ("tests/training/test_distill.py",),
    "tf_slr/decoding/beam.py": ("tests/decoding/test_beam.py",),
    "tf_slr/runtime/stitching.py": ("tests/runtime/test_stitching.py",),
    "export/verify.py": ("tests/export/test_verify.py",),
    "tf_slr/runtime/bundle.py": ("tests/runtime/test_bundle_parts.py",),
}
TENSORFLOW = ("tf_slr/training/", "export/")
KILLED, SURVIVED, EQUIVALENT = "killed", "survived", "equivalent"
# Exit codes that say nothing of a fault: no test was found, or pytest could not be run. With 2 and 4 it ends where a
# module with the fault cannot be imported.
NO_FATE = (5, 99)
# A test that takes so many times as long as without the fault hangs.
PATIENCE = 8


class Forks:
    """Pytest, in forks of a process that has loaded the libraries; see `pytest_forks`."""

    def __init__(self, root: Path, heavy: bool) -> None:
        environment = os.environ | {
            "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "TF_ENABLE_ONEDNN_OPTS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1",
        }  # fmt: skip
        light = [] if heavy else ["numpy", "pytest", "hypothesis", "hypothesis.extra.numpy"]
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tools/pytest_forks.py"), *light], cwd=root, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def run(self, tests: Sequence[str], cpu_s: float) -> tuple[int, float]:
        """The exit code of pytest and the processor time of its process."""
        self._process.stdin.write(json.dumps({"tests": list(tests), "cpu_s": cpu_s}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise DataError("the process that runs the tests has ended")
        answer = json.loads(line)
        return answer["code"], answer["cpu_s"]

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait()


@contextlib.contextmanager
def copied(root: Path) -> Iterator[Path]:
    """A copy of a checkout's files, for as long as it is needed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()
    with tempfile.TemporaryDirectory(prefix="tf-slr-mutants-") as folder:
        for name in listed:
            if (root / name).is_file() and not name.startswith("docs/"):
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / name, target)
        yield Path(folder)


def digest(root: Path, names: Sequence[str]) -> str:
    """A hash of some files."""
    return hashlib.sha256(b"\0".join((root / name).read_bytes() for name in names)).hexdigest()[:16]


def chosen(mutants: Sequence[Mutant], sample: int, seed: int) -> list[Mutant]:
    """All mutants, or some of them in the order of their lines, the same for the same seed."""
    if not sample or sample >= len(mutants):
        return list(mutants)
    places = random.Random(seed).sample(range(len(mutants)), sample)  # noqa: S311  (no secret)
    return [mutants[place] for place in sorted(places)]


def equivalents(path: Path) -> dict[str, dict[str, str]]:
    """Of each module the mutants that do the same, and why.

    Raises:
        DataError: the file is not as expected.
    """
    try:
        table = tomllib.loads(path.read_text())
        return {module: {one["mutant"]: one["reason"] for one in listed} for module, listed in table.items()}
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise DataError(f"{path}: expected [[module]] tables with mutant and reason ({error})") from error


class Run:
    """What a run knows, kept after every mutant.

    Args:
        out: its JSON file.
        root: the checkout.
        sample, seed: how many mutants of each module, 0 for all, and which.
    """

    def __init__(self, out: Path, root: Path, sample: int, seed: int) -> None:
        self._out, self._root, self._sample, self._seed = out, root, sample, seed
        self.modules: dict[str, dict] = files.read_json(out)["modules"] if out.exists() else {}
        self._equivalent = equivalents(root / "tools/equivalent_mutants.toml")

    def measure(self, module: str, tests: Sequence[str], survivors: bool) -> dict:
        """Find out the fate of a module's mutants.

        Args:
            module: its path in the checkout.
            tests: the paths of its tests.
            survivors: look once more at what survived, and keep what was killed though tests have changed since.

        Raises:
            DataError: the tests fail without any fault, or a listed equivalent is no mutant any more.
        """
        mutants = mutants_of((self._root / module).read_text())
        same = self._equivalent.get(module, {})
        if gone := sorted(set(same) - {mutant.key for mutant in mutants}):
            raise DataError(f"tools/equivalent_mutants.toml: {module} has no such mutant any more: {gone[0]}")
        known = self.modules.get(module, {})
        state = digest(self._root, [module, *tests])
        fates = dict(known.get("mutants", {})) if survivors or known.get("digest") == state else {}
        if survivors:
            fates = {key: fate for key, fate in fates.items() if fate == KILLED}
        picked = chosen(mutants, self._sample, self._seed)
        todo = [mutant for mutant in picked if mutant.key not in fates and mutant.key not in same]
        seconds = known.get("cpu_s", 0.0)
        with copied(self._root) as copy:
            forks = Forks(copy, module.startswith(TENSORFLOW))
            code, baseline = forks.run(tests, 600)
            if code != 0:
                raise DataError(f"{module}: its tests fail without any fault (pytest ends with {code})")
            for mutant in tqdm(todo, module, unit="mutant", disable=None):
                (copy / module).write_text(mutant.source)
                code, cpu_s = forks.run(tests, PATIENCE * baseline + 10)
                if code in NO_FATE:
                    raise DataError(f"{module}: pytest ends with {code} at {mutant.key}")
                fates[mutant.key] = SURVIVED if code == 0 else KILLED
                seconds += cpu_s
                if code == 0:
                    say(f"{module}:{mutant.line}: survived: {mutant.key}")
                self._keep(module, state, picked, fates | dict.fromkeys(same, EQUIVALENT), len(mutants), seconds)
            forks.close()
        self._keep(module, state, picked, fates | dict.fromkeys(same, EQUIVALENT), len(mutants), seconds)
        return self.modules[module]

    def _keep(self, module: str, state: str, picked: list[Mutant], fates: dict, count: int, seconds: float) -> None:
        found = {mutant.key: fates[mutant.key] for mutant in picked if mutant.key in fates}
        values = list(found.values())
        counts = {fate: values.count(fate) for fate in (KILLED, SURVIVED, EQUIVALENT)}
        self.modules[module] = {
            "digest": state, "all": count, "sample": self._sample, "seed": self._seed, **counts,
            "score": counts[KILLED] / max(1, counts[KILLED] + counts[SURVIVED]), "cpu_s": round(seconds, 1),
            "mutants": found,
        }  # fmt: skip
        files.write_json(self._out, {"modules": self.modules})


def table(modules: dict[str, dict]) -> str:
    """The scores as a Markdown table."""
    lines = ["| module | mutants | tried | equivalent | killed | survived | score |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for module, one in modules.items():
        tried = one[KILLED] + one[SURVIVED] + one[EQUIVALENT]
        lines.append(f"| `{module}` | {one['all']} | {tried} | {one[EQUIVALENT]} | {one[KILLED]} | {one[SURVIVED]} | "
                     f"{100 * one['score']:.1f} % |")  # fmt: skip
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Measure, and print the table; 1 where a module's score is below the bar."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", nargs="+", default=list(MODULES), metavar="PATH", help="modules; all when left out")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="mutants of each module; 0 for all")
    parser.add_argument("--seed", type=int, default=0, help="decides which")
    parser.add_argument("--survivors", action="store_true", help="only what survived the last run")
    parser.add_argument("--least", type=float, default=90.0, help="the score that a module needs, in per cent")
    parser.add_argument("--out", type=Path, default=Path("mutation.json"), help="results, from which a run goes on")
    arguments = parser.parse_args(argv)

    def work() -> int:
        for module in arguments.module:
            if module not in MODULES:
                raise UsageError(f"no tests are known for {module}; expected one of {', '.join(MODULES)}")
        run = Run(arguments.out, ROOT, arguments.sample, arguments.seed)
        scores = [run.measure(module, MODULES[module], arguments.survivors)["score"] for module in arguments.module]
        say(*table({module: run.modules[module] for module in MODULES if module in run.modules}).split("\n"))
        say(f"wrote {arguments.out}")
        return int(100 * min(scores) < arguments.least)

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
