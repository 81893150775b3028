"""A tiny language for tests of the corrector, in which every gloss has one successor, and a corrector of it."""

import functools
from pathlib import Path

import numpy as np

from tests.shared import once

GLOSSES = tuple(f"G{i:02d}" for i in range(16))

RECIPE = """
[model]
width = 48
heads = 2
feedforward = 96
encoder_layers = 2
dropout = 0.1
positions = 24

[noise]
substitution = 0.1
deletion = 0.08
insertion = 0.05

[training]
epochs = 30
second_epochs = 2
drafts = 1
batch = 32
learning_rate = 8e-3
rename = 0.2
checkpoint_steps = 5
"""


def sentence(rng: np.random.Generator) -> tuple[str, ...]:
    """Four to eight glosses, each followed by the next one of the circle."""
    start, length = rng.integers(len(GLOSSES)), rng.integers(4, 9)
    return tuple(GLOSSES[(start + i) % len(GLOSSES)] for i in range(length))


def write_list(path: Path, count: int = 300) -> Path:
    """A list of annotations in PHOENIX' layout."""
    rng = np.random.default_rng(0)
    rows = [f"s{i}|s{i}/1/*.png|S1|{' '.join(sentence(rng))}" for i in range(count)]
    path.write_text("\n".join(["id|folder|signer|annotation", *rows]) + "\n")
    return path


def errors_in(sentences, rng: np.random.Generator) -> list[list[str]]:
    """Each sentence with one or two clear errors."""
    wrong = []
    for one in map(list, sentences):
        place = int(rng.integers(1, len(one) - 1))
        kind = rng.integers(3)
        if kind == 0:
            one[place] = GLOSSES[(GLOSSES.index(one[place]) + 5) % len(GLOSSES)]
        elif kind == 1:
            del one[place]
        else:
            one.insert(place, GLOSSES[(GLOSSES.index(one[place]) + 7) % len(GLOSSES)])
        wrong.append(one)
    return wrong


def tiny_corrector() -> Path:
    """The folder of a finished corrector of the tiny language, without a choice on dev; treat it as read-only."""

    def make(folder: Path) -> None:
        from export.corrector import export_corrector
        from tf_slr.correction.training.recipe import load_corrector_recipe
        from tf_slr.correction.training.text import text_of_table
        from tf_slr.correction.training.trainer import CorrectionTrainer
        from tf_slr.scoring.cleanup import NONE

        (folder / "recipe.toml").write_text(RECIPE)
        text = text_of_table(write_list(folder / "list.csv"), NONE)
        CorrectionTrainer(text, load_corrector_recipe(str(folder / "recipe.toml")), folder / "run").fit()
        export_corrector(folder / "run")

    return once("tiny-corrector", make) / "run"


@functools.cache
def _untrained_model(glosses: tuple[str, ...], favourite: str, seed: int) -> bytes:
    """The TFLite file of an untrained network; see `write_untrained_corrector`."""
    from export.corrector import convert
    from tf_slr.core.glosses import Vocabulary
    from tf_slr.correction.symbols import Symbols
    from tf_slr.models.corrector import CorrectorNetwork, CorrectorOptions

    options = CorrectorOptions(width=16, heads=2, feedforward=16, encoder_layers=1, dropout=0.0, positions=32)
    vocabulary = Vocabulary(glosses)
    network = CorrectorNetwork(options, Symbols(vocabulary).count, seed)
    bias = np.zeros(network.symbols, np.float32)
    bias[vocabulary.encode([favourite])] = 30
    network.biases["slots"].assign(bias)
    return convert(network, int8=True)


def write_untrained_corrector(
    root: Path, glosses, favourite: str, margins, networks: int = 1, seed: int = 0, rescoring=None
) -> Path:
    """A corrector that has learned nothing and would hear `favourite` everywhere, where its margins let it.

    Args:
        root: the folder.
        glosses: what it knows.
        favourite: one of them.
        margins: `decoding.edits.Margins`.
        networks: 1 or 2, of which only the first is asked.
        seed: of its weights.
        rescoring: `decoding.rescoring.Rescoring`, or None; its n-gram has read each gloss alone as a sentence.
    """
    from tf_slr.core import files
    from tf_slr.correction.corrector import DESCRIPTION, FORMAT, MODELS, NGRAM, Description
    from tf_slr.decoding.kneser_ney import estimate
    from tf_slr.decoding.ngram import write_arpa

    glosses = tuple(glosses)
    model = _untrained_model(glosses, favourite, seed)
    for name in MODELS[:networks]:
        files.write_bytes(root / name, model)
    if rescoring:
        write_arpa(root / NGRAM, estimate([[gloss] for gloss in glosses], 2))
    description = Description(glosses, "gloss", "none", 30, 32, networks=networks, margins=margins, rescoring=rescoring)
    hashes = {name: files.sha256(root / name) for name in description.files}
    files.write_json(root / DESCRIPTION, {"format": FORMAT, "files": hashes, **description.table()})
    return root


def write_corrected_bundle(root: Path, bundle: Path, margins, rescoring=None) -> Path:
    """A bundle again, with an untrained corrector of its glosses; of them all it would hear CLAP everywhere.

    Args:
        root: a folder for both.
        bundle: the bundle's folder.
        margins, rescoring: see `write_untrained_corrector`.
    """
    from tf_slr.runtime.bundle import read_bundle, write_bundle

    whole = read_bundle(bundle)
    about = {key: whole.description[key] for key in ("corpus", "training", "recipe", "quantisation", "metrics")}
    glosses = whole.vocabulary.glosses
    repairing = write_untrained_corrector(root / "corrector", glosses, "CLAP", margins, rescoring=rescoring)
    write_bundle(root / "bundle", whole.student, whole.vocabulary, whole.input, about, lambda _: "card", repairing)
    return root / "bundle"
