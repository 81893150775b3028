"""The sentences a corrector learns from: a corpus' training split, or a list of annotations alone."""

import functools
from dataclasses import dataclass
from pathlib import Path

from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.core.glosses import GlossReader, Vocabulary
from tf_slr.corpus.manifest import Corpus
from tf_slr.formats.tables import read_table
from tf_slr.scoring.cleanup import Rules

# How the releases call the columns that are needed here.
NAMES = ("id", "name")
ANNOTATIONS = ("annotation", "orth", "glosses")


@dataclass(frozen=True)
class Text:
    """Training sentences, cleaned as the corpus' evaluation cleans a hypothesis.

    Attributes:
        sentences: glosses by the id of the clip; none is empty.
        unit: gloss or character.
        rules: name of the rules that cleaned them.
        notes: one line for each row that was left out.
        emptied: ids of sentences of which the rules leave nothing.
    """

    sentences: dict[str, tuple[str, ...]]
    unit: str
    rules: str
    notes: tuple[str, ...] = ()
    emptied: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if len(self.sentences) < 2:
            raise DataError(f"expected at least 2 sentences to learn from, found {len(self.sentences)}")

    @functools.cached_property
    def vocabulary(self) -> Vocabulary:
        """The glosses of the sentences."""
        return Vocabulary.of(self.sentences.values(), self.unit)

    @property
    def longest(self) -> int:
        """Glosses of the longest sentence."""
        return max(map(len, self.sentences.values()))

    @property
    def fingerprint(self) -> str:
        """Hash of everything that is learned from."""
        return files.sha256_of([self.unit, self.rules, list(self.sentences.items())])


def text_of_corpus(corpus: Corpus, rules: Rules) -> Text:
    """The training sentences of a corpus.

    Raises:
        DataError: its list is damaged or holds less than two sentences.
    """
    return _text({sample.id: sample.glosses for sample in corpus.split("train")}, corpus.info.unit, rules, ())


def text_of_table(path: Path | str, rules: Rules, unit: str = "gloss") -> Text:
    """Sentences of a list with fields between '|', such as PHOENIX' train.corpus.csv; no other file is needed.

    Raises:
        DataError: the file cannot be read, has no column of names or of annotations, or an id stands twice.
    """
    path = Path(path)
    columns = [name.strip() for name in files.read_text(path).removeprefix("\ufeff").split("\n", 1)[0].split("|")]
    roles = [next((name for name in known if name in columns), None) for known in (NAMES, ANNOTATIONS)]
    if None in roles:
        raise DataError(f"{path}: expected columns {' or '.join(NAMES)}, and {' or '.join(ANNOTATIONS)}, between '|'; "
                        f"found {', '.join(columns)[:200]}")  # fmt: skip
    table = read_table(path, columns)
    sentences: dict[str, tuple[str, ...]] = {}
    reader = GlossReader(unit)
    for row in table.rows:
        name, annotation = (row.fields[role] for role in roles)
        if name in sentences:
            raise DataError(f"{row.place}: {name!r} stands twice")
        try:
            sentences[name] = reader.read(annotation)
        except DataError as error:
            raise DataError(f"{row.place}: {error}") from error
    return _text(sentences, unit, rules, (*table.refused, *reader.notes(path)))


def _text(sentences: dict[str, tuple[str, ...]], unit: str, rules: Rules, notes: tuple[str, ...]) -> Text:
    clean = {name: tuple(rules.hypothesis(glosses)) for name, glosses in sentences.items()}
    emptied = frozenset(name for name, glosses in clean.items() if not glosses)
    return Text({name: glosses for name, glosses in clean.items() if glosses}, unit, rules.name, notes, emptied)
