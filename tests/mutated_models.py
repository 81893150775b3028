"""Run altered models in processes that may die: `python -m tests.mutated_models FOLDER COUNT [SEED]` prints what came.

FOLDER gets the good files, as `write_models` makes them, where they are not there yet. Each mutation goes where a
good file lay, with its hash made valid again. It must work, or be refused by a BundleError that names the file.
"""

import json
import select
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.model_mutations import Mutator
from tf_slr.core import files
from tf_slr.core.errors import BundleError
from tf_slr.correction.corrector import DESCRIPTION as CORRECTOR_DESCRIPTION
from tf_slr.correction.corrector import MODELS, Corrector
from tf_slr.correction.symbols import text_slots
from tf_slr.runtime import Recognizer
from tf_slr.runtime.bundle import DESCRIPTION, SEAL, STUDENT, seal_of
from tf_slr.runtime.lengths import FixedLengthStudent

# Of a mutation that runs; a good file takes some milliseconds.
HANG_SECONDS = 20
# Frames of the clips that are recognised.
CLIPS = (5, 33, 8)
CORRECTOR, LENGTHS = "corrector", "lengths"
WORKS, REFUSED = "works", "refused"


class Victim:
    """A good model in its place, and what runs it.

    Args:
        folder: that of the model's form; a copy, which mutations are written into.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.form = folder, folder.name
        name = MODELS[0] if self.form == CORRECTOR else STUDENT
        self.path = folder / name
        self.mutator = Mutator(self.path.read_bytes())

    def verdict(self, content: bytes) -> str:
        """What comes of a file: "works", "refused", or the error that escaped."""
        files.write_bytes(self.path, content)
        try:
            self._run()
        except BundleError as error:
            return REFUSED if str(self.path) in str(error) else f"BundleError without its file: {error}"
        except Exception as error:
            return f"{type(error).__name__}: {error!s:.120}"
        return WORKS

    def _run(self) -> None:
        rng = np.random.default_rng(0)
        if self.form == CORRECTOR:
            self._seal(CORRECTOR_DESCRIPTION)
            corrector = Corrector.load(self.folder)
            for method in ("edit", "generate"):
                object.__setattr__(corrector.description, "method", method)
                for count in (1, 5, 3):
                    corrector.correct(text_slots(corrector.description.glosses[:count]))
            return
        if self.form == LENGTHS:
            student, read = FixedLengthStudent(self.path), 276
        else:
            self._seal(DESCRIPTION)
            student = Recognizer.load(self.folder)._student
            read = student.shape
        for frames in CLIPS:
            shape = (frames, *(read if isinstance(read, tuple) else (read,)))
            values = rng.normal(0, 1, shape).astype(np.float32)
            student.logits(values if len(shape) == 2 else (50 * values + 128).clip(0, 255).astype(student.dtype))

    def _seal(self, name: str) -> None:
        """Make the hash of the model, and that of what holds it, valid again."""
        path = self.folder / name
        description = json.loads(path.read_text())
        description["files"][self.path.name] = files.sha256(self.path)
        if "bytes" in description:
            description["bytes"][self.path.name] = self.path.stat().st_size
        content = json.dumps(description).encode()
        path.write_bytes(content)
        if name == DESCRIPTION:
            (self.folder / SEAL).write_bytes(seal_of(content))


def work(folder: Path) -> None:
    """Answer requests of (form, seed) on standard input, one a line, until it ends."""
    victims: dict[str, Victim] = {}
    for line in sys.stdin:
        form, seed = json.loads(line)
        victim = victims.get(form) or victims.setdefault(form, Victim(folder / form))
        what, content = victim.mutator.mutation(seed)
        print(json.dumps({"what": what}), flush=True)
        started = time.monotonic()
        answer = {"verdict": victim.verdict(content), "seconds": time.monotonic() - started}
        print(json.dumps(answer), flush=True)


class Worker:
    """A process that runs mutations, started anew whenever one kills it.

    Args:
        models: folder of the good files.
        folder: of its own.
    """

    def __init__(self, models: Path, folder: Path) -> None:
        self._models, self._folder, self._process = models, folder, None

    def ask(self, form: str, seed: str) -> dict:
        """The verdict on a mutation, "signal N" if the process died, "time-out" if it was killed."""
        if self._process is None:
            shutil.rmtree(self._folder, ignore_errors=True)
            shutil.copytree(self._models, self._folder)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.mutated_models", "--work", str(self._folder)],
                cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        answer = {"form": form, "seed": seed, "what": "", "seconds": 0.0}
        self._process.stdin.write(json.dumps([form, seed]).encode() + b"\n")
        for _ in range(2):
            if not select.select([self._process.stdout], [], [], HANG_SECONDS)[0]:
                self.close()
                return answer | {"verdict": "time-out"}
            line = self._process.stdout.readline()
            if not line:
                code = self._process.wait()
                self.close()
                return answer | {"verdict": f"signal {-code}" if code < 0 else f"exit {code}"}
            answer |= json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def campaign(models: Path, folder: Path, requests: Sequence[tuple[str, str]], workers: int = 2) -> list[dict]:
    """Run mutations in several processes; their answers, in any order.

    Args:
        models: folder of the good files, a folder for each form.
        folder: for copies of it.
        requests: form and seed of each.
        workers: number of processes.
    """
    answers, waiting, lock = [], iter(requests), threading.Lock()

    def take() -> Iterator[tuple[str, str]]:
        while True:
            with lock:
                request = next(waiting, None)
            if request is None:
                return
            yield request

    def serve(number: int) -> None:
        worker = Worker(models, folder / str(number))
        answers.extend(worker.ask(*request) for request in take())
        worker.close()

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def failures(answers: Sequence[dict]) -> list[dict]:
    """What neither works nor is refused as it must be."""
    return [answer for answer in answers if answer["verdict"] not in (WORKS, REFUSED)]


def write_models(folder: Path, forms: Sequence[str]) -> Path:
    """Write good files of untrained networks: bundles of students, a student in fixed lengths, a corrector.

    Args:
        folder: gets a folder for each form.
        forms: names of `export.variants`, `video`, "corrector".
    """
    from export.convert import convert
    from export.variants import DEFAULT, VARIANTS
    from tests.tiny_corrector import write_untrained_corrector
    from tf_slr.core.glosses import Vocabulary
    from tf_slr.core.landmarks import Normalisation
    from tf_slr.core.pictures import FrameOptions
    from tf_slr.correction.edits import Margins
    from tf_slr.models.lrinet import LriNet, LriNetOptions
    from tf_slr.models.mslr import Mslr, MslrOptions
    from tf_slr.models.temporal import TemporalOptions
    from tf_slr.runtime.bundle import write_bundle

    glosses = ("HOUSE", "RAIN", "SUN", "TREE", "WIND")
    rng = np.random.default_rng(0)
    for form in forms:
        if form == CORRECTOR:
            write_untrained_corrector(folder / form, glosses, "SUN", Margins())
            continue
        video = form.startswith("video")
        if video:
            temporal = TemporalOptions(width=8)
            options = LriNetOptions(size=16, scale=8, widths=(8, 8), blocks=(1, 1), plain_blocks=1, temporal=temporal)
            network, rule = LriNet(options, len(glosses) + 1), FrameOptions(size=16)
        else:
            network, rule = Mslr(MslrOptions(width=8, hidden=4), len(glosses) + 1), Normalisation()
        variant = VARIANTS[(form.partition("-")[2] or DEFAULT) if video else form]
        clips = [rng.normal(0, 1, (40, 276)).astype(np.float32) for _ in range(2)] if variant.calibrated else ()
        model = convert(network, variant, clips)
        if form == LENGTHS:
            files.write_bytes(folder / form / STUDENT, model)
        else:
            write_bundle(folder / form, model, Vocabulary(glosses), rule, {"corpus": {"fps": 25.0}}, lambda _: "card")
    return folder


FORMS = ("stateless", "tiled", "dynamic", "static", "integer", LENGTHS, "video-dynamic", "video-stateless", CORRECTOR)


def main(folder: Path, count: int, seed: str = "campaign") -> None:
    """Run mutations of every form, and print what came of them."""
    if not (folder / "models").is_dir():
        write_models(folder / "models", FORMS)
    requests = [(FORMS[number % len(FORMS)], f"{seed} {number}") for number in range(count)]
    answers = campaign(folder / "models", folder / "work", requests)
    for one in failures(answers):
        print(json.dumps(one))
    short = Counter((one["form"], one["verdict"].partition(":")[0]) for one in answers)
    for (form, verdict), number in sorted(short.items()):
        print(f"{form:16} {verdict:24} {number}")
    print(json.dumps(Counter(one["verdict"].partition(":")[0] for one in answers)))


if __name__ == "__main__":
    if sys.argv[1] == "--work":
        work(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4])
