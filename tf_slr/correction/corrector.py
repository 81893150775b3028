"""Correcting recognised sentences on a device: numpy and LiteRT only.

A corrector is a folder:

first.tflite, second.tflite   the networks (the second only where it is used), weights shared by four signatures
ngram.arpa                    a gloss n-gram of the same sentences, only where it takes part in the decision
corrector.json                format, hashes, vocabulary, clean-up rules, method, margins

It sees a recognised sentence and nothing else: no function here takes a reference, and no file it reads has
room for one.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from tf_slr.core import config, files
from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import BundleError, DataError, UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.core.kinds import Kind, require
from tf_slr.correction.corrector_network import Network
from tf_slr.correction.edits import KINDS, REWRITE, Edit, Margins, Placed, apply, propose
from tf_slr.correction.generation import SearchOptions, log_probabilities, search
from tf_slr.correction.rescoring import Rescoring
from tf_slr.correction.symbols import NOTHING, Encoded, Symbols, cleaned
from tf_slr.decoding.ngram import NGram, read_arpa
from tf_slr.formats.alternatives import Alternatives
from tf_slr.formats.transcripts import Token
from tf_slr.scoring.cleanup import RULES
from tf_slr.scoring.wer import SCLITE, align

FORMAT = 2
DESCRIPTION = "corrector.json"
NGRAM = "ngram.arpa"
MODELS = ("first.tflite", "second.tflite")
EDIT, GENERATE = "edit", "generate"


@dataclass(frozen=True)
class Description:
    """What a corrector does with its networks; all of corrector.json but format and hashes.

    Attributes:
        glosses, unit: the vocabulary.
        rules: name of the clean-up rules of the text it learned; hypotheses are cleaned alike before it reads them.
        window: most slots it looks at together: what it was trained on, begin and end not counted.
        positions: length of the cache of a step.
        method: "edit" scores each slot and gap, "generate" writes the sentence anew.
        networks: 1, or 2 where a second one polishes what the first one generates.
        margins: how sure it must be.
        search: how it generates.
        rescoring: how student, n-gram and network decide together where the student's logits are at hand
            (`tf_slr.correction.sentence_rescoring`); None where the method alone repairs what greedy decoding gave.
        metrics: what was measured when all this was chosen.
    """

    glosses: tuple[str, ...]
    unit: str
    rules: str
    window: int = bounded(MISSING, 1, 4096)
    positions: int = bounded(MISSING, 3, 4096)
    method: Literal["edit", "generate"] = EDIT
    networks: int = bounded(1, 1, 2)
    margins: Margins = field(default_factory=Margins)
    search: SearchOptions = field(default_factory=SearchOptions)
    rescoring: Rescoring | None = None
    metrics: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rules not in RULES:
            raise UsageError(f"rules: expected {' or '.join(RULES)}, received {self.rules!r}")
        check_bounds(self)
        if not self.window <= self.positions - 2:
            raise UsageError(f"window: expected from 1 to positions - 2, received {self.window} of {self.positions}")

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files beside corrector.json."""
        return (*MODELS[: self.networks], *([NGRAM] if self.rescoring else []))

    def table(self) -> dict:
        """As plain JSON, which has no infinity: a margin that nothing reaches is null."""
        content = asdict(self)
        content["margins"] = {kind: None if math.isinf(value) else value for kind, value in content["margins"].items()}
        return {key: value for key, value in content.items() if value is not None}

    @classmethod
    def of_table(cls, table: dict, source: str) -> "Description":
        """Read what `table` gave.

        Raises:
            UsageError: a key is unknown or missing, or a value is not as it must be.
        """
        margins = table.get("margins")
        if not isinstance(margins, dict) or not set(margins) <= set(KINDS):
            raise UsageError(f"{source}: expected margins of {', '.join(KINDS)}, found {margins!r:.200}")
        margins = {kind: math.inf if value is None else value for kind, value in margins.items()}
        if not isinstance(table.get("metrics", {}), dict):
            raise UsageError(f"{source}: expected metrics to be an object")
        return config.build(cls, table | {"margins": margins}, source)


class Corrected(NamedTuple):
    """A gloss of the corrected sentence, and the slots [first, stop) it stands for: none if it was inserted."""

    gloss: str
    first: int
    stop: int

    def token(self, slots: Sequence[Alternatives]) -> Token:
        """The gloss with its time in the clip; an inserted one fills what lies between its neighbours' times."""
        if self.stop > self.first:
            slot = slots[self.first]
            return Token(self.gloss, slot.start, slot.end - slot.start)
        before = slots[self.first - 1] if self.first else None
        after = slots[self.first] if self.first < len(slots) else None
        if after is None:
            return Token(self.gloss, before.end, 0.0)
        start = before.end if before else 0.0
        if start > after.start:  # neighbours that overlap: their glosses' order must stay that of their starts
            start = (before.start + after.start) / 2
        return Token(self.gloss, start, max(0.0, after.start - start))


class Rewrite(NamedTuple):
    """A sentence generated anew: its symbols, and by how much it is likelier than the recognised one, per symbol."""

    symbols: tuple[int, ...]
    margin: float
    kind: str = REWRITE


class Proposals(NamedTuple):
    """What a corrector would change in a sentence.

    Attributes:
        sentence: the recognised symbols; NOTHING where a slot was not taken.
        names: how each slot's gloss was recognised.
        origins: index of each slot among those that were given.
        unknowns: the glosses that the numbered symbols stand for.
        candidates: the changes.
    """

    sentence: list[int]
    names: list[str]
    origins: list[int]
    unknowns: tuple[str, ...]
    candidates: list[Edit] | list[Rewrite]


class Corrector:
    """Repairs recognised sentences.

    Args:
        models: the TFLite files' contents, whose hashes were checked.
        description: what to do with them.
        threads: number of CPU threads.
        ngram: the n-gram, where there is one.
        root: the folder that messages name, where there is one.

    Raises:
        BundleError: the models are not what the description says.
    """

    def __init__(
        self,
        models: Sequence[bytes],
        description: Description,
        threads: int = 1,
        ngram: NGram | None = None,
        root: Path | None = None,
    ) -> None:
        if len(models) < description.networks:
            raise BundleError(f"the corrector needs {description.networks} networks, received {len(models)}")
        self.description, self.ngram = description, ngram
        try:
            self.symbols = Symbols(Vocabulary(description.glosses, description.unit))
        except DataError as error:
            raise BundleError(f"the corrector's vocabulary: {error}") from error
        sources = [str((root or Path()) / name) for name in MODELS[: description.networks]]
        self._networks = [
            Network(model, description.positions, threads, source)
            for model, source in zip(models, sources, strict=False)
        ]
        for name, network in zip(sources, self._networks, strict=True):
            if network.symbols != self.symbols.count:
                raise BundleError(
                    f"{name}: tells {network.symbols} symbols apart, the {len(description.glosses)} glosses of "
                    f"{DESCRIPTION} need {self.symbols.count}; it was trained on other glosses"
                )
        self._rules = RULES[description.rules]

    @classmethod
    def load(cls, root: Path | str, threads: int = 1) -> "Corrector":
        """Open a corrector's folder.

        Raises:
            BundleError: a file is missing or damaged, or the format is another one.
        """
        root = Path(root)
        require(root, Kind.CORRECTOR, error=BundleError)
        try:
            content = files.read_json(root / DESCRIPTION)
            if content.pop("format", None) != FORMAT:
                raise BundleError(f"{root / DESCRIPTION}: has another format; this program reads {FORMAT}")
            hashes = content.pop("files", {})
            description = Description.of_table(content, str(root / DESCRIPTION))
            parts = {name: files.read_bytes(root / name) for name in description.files}
        except (DataError, UsageError, TypeError) as error:
            raise BundleError(str(error)) from error
        for name, content in parts.items():
            found = hashlib.sha256(content).hexdigest()
            if not isinstance(hashes, dict) or found != hashes.get(name):
                raise BundleError(f"{root / name}: is damaged or was replaced (SHA-256 {found})")
        models = [parts[name] for name in MODELS[: description.networks]]
        try:
            return cls(models, description, threads, read_arpa(root / NGRAM) if NGRAM in parts else None, root)
        except DataError as error:
            raise BundleError(str(error)) from error

    def correct(self, slots: Sequence[Alternatives]) -> list[Corrected]:
        """The corrected sentence of a clip.

        Args:
            slots: its evidence, or `text_slots` of a sentence. Glosses the corrector does not know pass through.
                A sentence without slots stays empty.
        """
        proposals = self.proposals(slots)
        margins = self.description.margins
        return self.corrected(proposals, [one for one in proposals.candidates if margins.accept(one.kind, one.margin)])

    def proposals(self, slots: Sequence[Alternatives]) -> Proposals:
        """Every change that the networks do not find much less likely than none."""
        kept = self._kept(slots)
        encoded = self.symbols.encode([slot for _, slot in kept])
        find = self._edits if self.description.method == EDIT else self._rewrites
        return Proposals(
            encoded.sentence,
            [slots[place].glosses[0] for place, _ in kept],
            [place for place, _ in kept],
            encoded.unknowns,
            find(encoded) if kept else [],
        )

    def posteriors(self, slots: Sequence[Alternatives]) -> tuple[np.ndarray, np.ndarray]:
        """Log posteriors of what belongs into each slot, [N, symbols], and into each gap, [N + 1, symbols].

        Slots that the clean-up rules drop are left out. Without any slot nothing is known of the one gap.
        """
        kept = self._kept(slots)
        if not kept:
            return np.zeros((0, self.symbols.count), np.float32), np.zeros((1, self.symbols.count), np.float32)
        return self._judged(self.symbols.encode([slot for _, slot in kept]))

    def corrected(self, proposals: Proposals, accepted: Sequence[Edit | Rewrite]) -> list[Corrected]:
        """The sentence after some of its proposals."""
        sentence, names, origins, unknowns, _ = proposals
        if accepted and isinstance(accepted[0], Rewrite):
            placed = _aligned(accepted[0].symbols, sentence)
        else:
            placed = apply(sentence, accepted)
        ends = [*origins, origins[-1] + 1 if origins else 0]
        result = []
        for symbol, first, stop in placed:
            if stop > first and symbol == sentence[first]:
                gloss = names[first]  # as it was recognised, marks and all
            elif self.symbols.is_gloss(symbol):
                gloss = self.symbols.vocabulary.glosses[symbol - 1]
            else:
                gloss = unknowns[symbol - self.symbols.first_unknown]
            # An inserted gloss lies between slots, wherever rules have dropped some.
            start = ends[first]
            result.append(Corrected(gloss, start, start + 1 if stop > first else start))
        return result

    def _kept(self, slots: Sequence[Alternatives]) -> list[tuple[int, Alternatives]]:
        """What the clean-up rules leave, with the places of the slots."""
        return [(place, slot) for place, slot in enumerate(cleaned(slots, self._rules)) if slot is not None]

    def _edits(self, encoded: Encoded) -> list[Edit]:
        return propose(*self._judged(encoded), encoded.sentence, self.symbols.begin)

    def _judged(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """Log posteriors of slots and gaps, those of a long sentence from windows that overlap by half."""
        network, count = self._networks[0], len(encoded.ids) - 2
        slots, gaps = [], []
        for start, stop, first, last in windows(count, self.description.window):
            inner = slice(start + 1, stop + 1)
            part = Encoded(*([rows[0], *rows[inner], rows[-1]] for rows in encoded[:3]), encoded.unknowns)
            inside, between = network.edits(network.encode(part))
            slots.append(inside[first - start : last - start])
            # The gap after the last slot belongs to the last window.
            gaps.append(between[first - start : last - start + (last == count)])
        return np.concatenate(slots), np.concatenate(gaps)

    def _rewrites(self, encoded: Encoded) -> list[Rewrite]:
        """The sentence generated anew, if it is another one; a sentence longer than any learned is left alone."""
        recognised = tuple(symbol for symbol in encoded.sentence if symbol != NOTHING)
        if len(encoded.ids) - 2 > self.description.window:
            return []
        memory = self._networks[0].encode(encoded)
        first = self._networks[0], self._networks[0].state(memory)
        symbols = self._generated(*first, encoded.unknowns)
        if len(self._networks) == 2 and symbols:
            # The second network reads plain text; unknown glosses keep their numbers.
            plain = Encoded([[self.symbols.begin], *([symbol] for symbol in symbols), [self.symbols.end]],
                            [[1.0]] * (len(symbols) + 2), [1.0] * (len(symbols) + 2), encoded.unknowns)  # fmt: skip
            network = self._networks[1]
            symbols = self._generated(network, network.state(network.encode(plain)), encoded.unknowns)
        if symbols == recognised:
            return []
        # The first network has seen the evidence; it scores both sentences, each by its mean log probability.
        both = symbols, recognised
        found = log_probabilities(first[0].step, first[1], self.symbols.begin, self.symbols.end, both)
        scores = [total / (len(sentence) + 1) for total, sentence in zip(found, both, strict=True)]
        return [Rewrite(symbols, scores[0] - scores[1])] if scores[0] > scores[1] else []

    def _generated(self, network: Network, state: np.ndarray, unknowns: Sequence[str]) -> tuple[int, ...]:
        """What a network writes; only unknown glosses of the sentence may occur in it."""
        symbols = self.symbols
        forbidden = np.ones(symbols.count, bool)
        forbidden[NOTHING + 1 : symbols.begin] = forbidden[symbols.end] = False
        forbidden[symbols.first_unknown : symbols.first_unknown + len(unknowns)] = False
        limit = self.description.window
        found = search(network.step, state, symbols.begin, symbols.end, limit, self.description.search, forbidden)
        return found[0].symbols if found else ()


def windows(count: int, size: int) -> list[tuple[int, int, int, int]]:
    """Cut `count` slots into windows (start, stop) of at most `size`, each with the slots [first, last) it decides on.

    Windows overlap by half, so that no slot is decided on at a window's edge, where half of its neighbours lack.
    """
    if count <= size:
        return [(0, count, 0, count)]
    stride, margin = max(1, size // 2), size // 4
    starts = [*range(0, count - size, stride), count - size]
    cuts = [0, *(start + margin for start in starts[1:]), count]
    return [(start, start + size, first, last) for start, first, last in zip(starts, cuts, cuts[1:], strict=False)]


def _aligned(symbols: Sequence[int], sentence: Sequence[int]) -> list[Placed]:
    """A generated sentence with the slots its glosses stand for."""
    taken = [place for place, symbol in enumerate(sentence) if symbol != NOTHING]
    pairs = align([str(sentence[place]) for place in taken], list(map(str, symbols)), SCLITE)
    placed, number = [], 0
    for old, new in pairs:
        place = taken[number] if number < len(taken) else len(sentence)
        if new is not None:
            placed.append(Placed(int(new), place, place + (old is not None)))
        number += old is not None
    return placed
