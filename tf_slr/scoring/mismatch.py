"""Why nearly nothing matches: names that differ by case or form only, or that are of another corpus.

An error rate near 100 % looks like a bad recogniser, and often is two ways to write the same glosses.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from tf_slr.core.errors import shown
from tf_slr.core.glosses import folded

# Share of the reference's glosses from which on look-alikes are worth a note: annotations tell a few by case alone.
LOOK_ALIKES = 0.05
# Below this share of known names a model hardly knows what it is asked about.
HARDLY_ANY = 0.5


def name_notes(references: Iterable[Sequence[str]], names: Collection[str], whose: str) -> list[str]:
    """What keeps references from being hit, whatever was signed; empty where nothing does.

    Args:
        references: the sentences that were annotated.
        names: the glosses that were recognised, or can be.
        whose: how the note calls these, such as "the hypotheses".
    """
    counts = Counter(gloss for sentence in references for gloss in sentence)
    if not counts or not names:
        return []
    alike = look_alikes(counts, names)
    share = sum(counts[gloss] for gloss in alike) / counts.total()
    if share >= LOOK_ALIKES:
        pairs = shown([f"{other!r} for {gloss!r}" for gloss, other in alike.items()])
        return [f"{share:.0%} of the references' glosses are among those of {whose} in another case or form only "
                f"({pairs}), and count as errors; write both in one way"]  # fmt: skip
    if counts.keys().isdisjoint(names):
        return [f"no gloss of the references ({shown(sorted(counts))}) is among those of {whose} "
                f"({shown(sorted(names))}), so that none can be hit; are both of one corpus?"]  # fmt: skip
    return []


def known_notes(known: Collection[str], wanted: Collection[str], source: object, whose: str) -> list[str]:
    """A note where a model of text knows hardly any of the glosses that it is asked about.

    Args:
        known: the glosses of the model.
        wanted: those it is asked about.
        source: the model's file or folder.
        whose: whose glosses they are, such as "the recogniser".
    """
    wanted = set(wanted)
    missing = sorted(wanted.difference(known))
    if not wanted or len(wanted) - len(missing) >= HARDLY_ANY * len(wanted):
        return []
    alike = look_alikes(missing, known)
    written = shown([f"{gloss!r} where it has {other!r}" for gloss, other in alike.items()] or list(map(repr, missing)))
    return [f"{source}: knows {len(wanted) - len(missing)} of {len(wanted)} glosses of {whose}, and not {written}; it "
            "helps where its text is written as these are (corpus, case, --rules)"]  # fmt: skip


def look_alikes(glosses: Iterable[str], names: Collection[str]) -> dict[str, str]:
    """Each gloss that is not among some names but for its case, width or composition, with the name it looks like."""
    by_form = {folded(name): name for name in sorted(names)}
    return {gloss: by_form[folded(gloss)] for gloss in sorted(glosses)
            if gloss not in names and folded(gloss) in by_form}  # fmt: skip
