"""`tf-slr check`, `tf-slr stats` and `tf-slr pack`: what is wrong with a corpus, what is in it, and shards of it."""

import argparse
import sys
from collections.abc import Sequence

from tf_slr.cli.common import add_command, add_overwrite, import_tensorflow, prepared, report
from tf_slr.cli.paths import existing, new_folder
from tf_slr.core import files
from tf_slr.core.errors import UsageError
from tf_slr.core.kinds import Kind
from tf_slr.core.outputs import Output, claim_files, claim_folder
from tf_slr.core.stdout import print_json, say
from tf_slr.corpus.shards import FOLDER

MOST_SHARD_MB = 10**6


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands that look at a corpus."""
    check = add_command(commands, "check", _check, "walk a corpus and name every fault")
    check.add_argument("corpus", type=existing(Kind.CORPUS))

    stats = add_command(commands, "stats", _stats, "sentences, glosses, signers and hours of a corpus, as papers print")
    stats.add_argument("corpus", type=existing(Kind.CORPUS))
    stats.add_argument("--json", action="store_true", help="print JSON instead of a table")
    stats.add_argument("--out", type=new_folder(), help="folder for stats.md, stats.json and stats.png")
    stats.add_argument(
        "--no-landmarks", action="store_true", help="do not read the landmark files for what the tracker found"
    )

    add_overwrite(stats)

    pack = add_command(commands, "pack", _pack, "write the landmarks into shards, for corpora larger than memory")
    pack.add_argument("corpus", type=existing(Kind.CORPUS))
    pack.add_argument("--shard-mb", type=int, default=128, help="largest size of a shard in megabytes, about")


def _check(arguments: argparse.Namespace) -> int:
    from tf_slr.corpus.check import check_corpus

    lines = check_corpus(arguments.corpus)
    notes = [line for line in lines if line.startswith("note: ")]
    faults = [line for line in lines if not line.startswith("note: ")]
    report(notes)
    code = report(faults)
    verdict = _counted(faults, "fault") if faults else "no fault found"
    say(f"{arguments.corpus}: {verdict}" + (f" ({_counted(notes, 'note')})" if notes else ""))
    return code


def _counted(lines: Sequence[str], what: str) -> str:
    return f"{len(lines)} {what}{'' if len(lines) == 1 else 's'}"


def _stats(arguments: argparse.Namespace) -> int:
    if arguments.out:
        made = [Output("--out", arguments.out / f"stats.{suffix}", "stats") for suffix in ("md", "json", "png")]
        claim_files(made, [arguments.corpus], arguments.overwrite)
    from tf_slr.corpus.manifest import Corpus
    from tf_slr.corpus.stats import corpus_stats, draw, markdown

    corpus = Corpus(arguments.corpus)
    stats, refused = corpus_stats(corpus, not arguments.no_landmarks)
    code = report(refused)
    if arguments.json:
        print_json(stats.table(), indent=2)
    else:
        say(*markdown(stats).split("\n"))
    if arguments.out:
        draw(corpus, stats, arguments.out / "stats.png")
        files.write_text(arguments.out / "stats.md", markdown(stats) + "\n")
        files.write_json(arguments.out / "stats.json", stats.table())
        # Not between the lines of the JSON.
        say(f"wrote {arguments.out}", file=sys.stderr if arguments.json else sys.stdout)
    return code


def _pack(arguments: argparse.Namespace) -> int:
    from tf_slr.corpus.manifest import Corpus

    if not 1 <= arguments.shard_mb <= MOST_SHARD_MB:
        raise UsageError(f"--shard-mb: expected from 1 to {MOST_SHARD_MB}, received {arguments.shard_mb}")
    claim_folder("CORPUS", arguments.corpus, "shards")
    corpus = Corpus(arguments.corpus)
    import_tensorflow()
    from tf_slr.features.records import pack

    return prepared(corpus.root / FOLDER, pack(corpus, arguments.shard_mb * 2**20))
