"""`tf-slr train-corrector` and `tf-slr correct`: sentences that repair themselves."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tf_slr.cli.common import EXIT_OK, add_command, add_overwrite, import_tensorflow, report
from tf_slr.cli.paths import existing, input_file, new_file, new_folder
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.core.kinds import Kind
from tf_slr.core.outputs import Output, claim_files, claim_folder
from tf_slr.core.stdout import say
from tf_slr.scoring.cleanup import RULES
from tf_slr.scoring.mismatch import known_notes
from tf_slr.scoring.wer import describe

# Sentences of signs are short and corpora small: longer histories hardly ever return.
NGRAM_ORDER = 3


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands of the corrector."""
    train = add_command(commands, "train-corrector", _train, "train what repairs recognised sentences; goes on where "
                        "it was stopped")  # fmt: skip
    train.add_argument("--corpus", type=existing(Kind.CORPUS), help="corpus whose training sentences are learned")
    train.add_argument(
        "--text",
        type=input_file("a list of annotations"),
        help="a list of annotations alone, such as PHOENIX' train.corpus.csv",
    )
    train.add_argument("--unit", choices=("gloss", "character"), help="of --text; gloss if not given")
    train.add_argument("--rules", choices=tuple(RULES), default="none", help="clean-up of the sentences, as in scoring")
    train.add_argument("--evidence", type=existing(Kind.EVIDENCE), metavar="X.jsonl",
                       help="what a recogniser made of training clips that it had not learned from")  # fmt: skip
    train.add_argument(
        "--dev",
        type=input_file("recognised sentences (.npz, .jsonl or .ctm)"),
        nargs="+",
        default=[],
        metavar="HYP",
        help="recognised dev sentences (.npz of 'evaluate --logits', .jsonl or .ctm), to choose how "
        "sure it must be, and by logits also how far an n-gram of the training text is believed",
    )
    train.add_argument(
        "--dev-ref",
        type=input_file("references (.stm)"),
        metavar="Y.stm",
        help="their references; the corpus' own without it",
    )
    train.add_argument(
        "--out",
        type=new_folder(Kind.CORRECTOR, Kind.UNFINISHED_CORRECTOR),
        required=True,
        help="folder of the corrector",
    )
    train.add_argument("--recipe", default="corrector", help="name of a shipped recipe, or path of a .toml file")
    train.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="override a recipe field")

    correct = add_command(commands, "correct", _correct, "repair recognised sentences")
    correct.add_argument(
        "--model", type=existing(Kind.CORRECTOR), required=True, help="folder that train-corrector wrote"
    )
    correct.add_argument(
        "--hyp",
        type=input_file("recognised sentences (.ctm), or evidence (.jsonl)"),
        required=True,
        help="recognised sentences (.ctm), or evidence (.jsonl)",
    )
    correct.add_argument("--out", type=new_file(".ctm"), required=True, metavar="OUT.ctm")
    add_overwrite(correct)
    correct.add_argument("--threads", type=int, default=1)


def _train(arguments: argparse.Namespace) -> int:
    if (arguments.corpus is None) == (arguments.text is None):
        raise UsageError("expected either --corpus or --text")
    if arguments.unit and arguments.corpus:
        raise UsageError("--unit is of --text; a corpus says its own")
    if arguments.dev_ref and not arguments.dev:
        raise UsageError("--dev-ref are references of --dev, which is not given")
    if arguments.dev and arguments.text and not arguments.dev_ref:
        raise UsageError("--dev needs --dev-ref: a list of training sentences does not hold those of dev")
    claim_folder("--out", arguments.out, "corrector",
                 [arguments.corpus, arguments.text, arguments.evidence, arguments.dev_ref, *arguments.dev])  # fmt: skip
    from tf_slr.correction.training.recipe import load_corrector_recipe
    from tf_slr.decoding.kneser_ney import estimate
    from tf_slr.formats.alternatives import read_alternatives

    recipe = load_corrector_recipe(arguments.recipe, arguments.set)
    text, references = _sentences(arguments)
    dev = _dev(arguments.dev, references, text.vocabulary)
    code = report(text.notes)
    evidence = read_alternatives(arguments.evidence) if arguments.evidence else None
    if evidence is not None and not evidence:
        raise DataError(f"{arguments.evidence}: holds no clip")
    import_tensorflow()
    from export.corrector import export_corrector
    from tf_slr.correction.training.trainer import CorrectionTrainer

    summary = CorrectionTrainer(text, recipe, arguments.out, evidence, str(arguments.evidence)).fit()
    description = export_corrector(arguments.out, dev, estimate(list(text.sentences.values()), NGRAM_ORDER))
    say(f"{summary['networks']} networks, {summary['parameters'] / 1e6:.2f} M parameters, "
          f"{sum(size['bytes_int8'] for size in description.metrics['networks']) / 1e6:.2f} MB in INT8")  # fmt: skip
    if dev:
        say(f"dev before    {describe(description.metrics['before'])}")
        for method, results in description.metrics["methods"].items():
            for how, errors in results.items():
                say(f"{method}, {how:12s}  {describe(errors)}")
        say(f"chosen: {description.method} with {description.networks} network(s)")
        if weights := description.rescoring:
            say(f"where logits are at hand: the best of {weights.width} sentences, {weights}")
    say(f"wrote {arguments.out}")
    return code


def _sentences(arguments: argparse.Namespace) -> tuple:
    """The training text, and the references of dev, which nothing but the scorer sees."""
    from tf_slr.corpus.manifest import Corpus
    from tf_slr.correction.training.text import text_of_corpus, text_of_table
    from tf_slr.formats.transcripts import Reference, read_stm

    references = read_stm(arguments.dev_ref) if arguments.dev_ref else None
    if arguments.text:
        return text_of_table(arguments.text, RULES[arguments.rules], arguments.unit or "gloss"), references
    corpus = Corpus(arguments.corpus)
    if references is None and arguments.dev:
        references = {sample.id: Reference(sample.glosses) for sample in corpus.split("dev")}
    return text_of_corpus(corpus, RULES[arguments.rules]), references


def _dev(paths: Sequence[Path], references: Mapping | None, vocabulary: Vocabulary) -> list:
    """Recognised dev sentences; those of files of logits keep them, if their glosses are those of the text."""
    from tf_slr.correction.evidence import untimed
    from tf_slr.correction.training.selection import dev_sentences
    from tf_slr.formats.logits import read_logits

    sentences = []
    for path in paths:
        if path.suffix != ".npz":
            sentences += dev_sentences(read_recognised(path), references, str(path))
            continue
        theirs, clips = read_logits(path)
        slots = {name: untimed(rows, theirs) for name, rows in clips.items()}
        found = dev_sentences(slots, references, str(path))
        if theirs.glosses == vocabulary.glosses:
            nothing = np.zeros((0, theirs.classes), np.float32)
            found = [one._replace(logits=clips.get(name, nothing)) for name, one in zip(references, found, strict=True)]
        else:
            say(f"note: {path}: has other glosses than the text, so that no n-gram of the text can take part")
        sentences += found
    return sentences


def read_recognised(path: Path) -> dict[str, list]:
    """Slots of each utterance of a CTM or of a file of evidence."""
    from tf_slr.formats.alternatives import Alternatives, read_alternatives
    from tf_slr.formats.transcripts import read_ctm

    if path.suffix == ".jsonl":
        return read_alternatives(path)
    return {
        name: [Alternatives(start, start + duration, (gloss,), (1.0,), True) for gloss, start, duration in tokens]
        for name, tokens in read_ctm(path).items()
    }


def _correct(arguments: argparse.Namespace) -> int:
    claim_files([Output("--out", arguments.out, "ctm")], [arguments.hyp, arguments.model], arguments.overwrite)
    from tqdm import tqdm

    from tf_slr.correction.corrector import Corrector
    from tf_slr.correction.symbols import recognised
    from tf_slr.formats.transcripts import write_ctm

    corrector = Corrector.load(arguments.model, arguments.threads)
    hypotheses = read_recognised(arguments.hyp)
    rules = RULES[corrector.description.rules]
    names = {gloss for slots in hypotheses.values() for gloss in rules.hypothesis(recognised(slots))}
    report([f"note: {line}" for line in known_notes(corrector.description.glosses, names, arguments.model,
                                                    "the hypotheses")])  # fmt: skip
    result, changed = {}, 0
    for name, slots in tqdm(hypotheses.items(), unit="sentence", disable=None):
        words = corrector.correct(slots)
        result[name] = [word.token(slots) for word in words]
        changed += [word.gloss for word in words] != recognised(slots)
    write_ctm(arguments.out, result)
    say(f"changed {changed} of {len(result)} sentences")
    say(f"wrote {arguments.out}")
    return EXIT_OK
