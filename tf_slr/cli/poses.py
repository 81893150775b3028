"""`tf-slr export-pose`: landmarks as `.pose` files, for the tools of the sign-language-processing community."""

import argparse
from pathlib import Path

from tf_slr.cli.common import add_command, add_overwrite, prepared
from tf_slr.cli.paths import existing, input_file, new_folder
from tf_slr.core.errors import UsageError
from tf_slr.core.kinds import Kind
from tf_slr.core.outputs import Output, claim_files


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command `export-pose`."""
    export = add_command(commands, "export-pose", _export_pose, "write clips as .pose files")
    export.add_argument(
        "source", type=_source, metavar="CORPUS", help="folder of a corpus, or one landmark file (.npz)"
    )
    export.add_argument(
        "--out", type=new_folder(), required=True, help="folder of the files, and of an index.tsv of a corpus'"
    )
    export.add_argument("--split", choices=("train", "dev", "test"), help="only the clips of this split")
    export.add_argument("--ids", nargs="+", default=[], metavar="ID", help="only these clips")
    add_overwrite(export)
    export.add_argument("--fps", type=float, default=30.0, help="of a landmark file, which does not say")


def _source(text: str) -> Path:
    return (input_file("a landmark file") if text.endswith(".npz") else existing(Kind.CORPUS))(text)


def _export_pose(arguments: argparse.Namespace) -> int:
    from tf_slr.corpus.manifest import SPLITS, Corpus, read_clip
    from tf_slr.importers.poses import export_pose, write_pose

    source, out = arguments.source, arguments.out
    if source.suffix == ".npz":
        if arguments.split or arguments.ids:
            raise UsageError(f"--split and --ids choose clips of a corpus; {source} is one landmark file")
        file = out / f"{source.stem}.pose"
        claim_files([Output("--out", file, "pose")], [source], arguments.overwrite)
        write_pose(file, read_clip(source), arguments.fps)
        return prepared(file, [])
    splits = (arguments.split,) if arguments.split else SPLITS
    corpus = Corpus(source)
    samples = (sample for name in splits for sample in corpus.split(name))
    names = (f"{sample.id}.pose" for sample in samples if not arguments.ids or sample.id in arguments.ids)
    # What cannot be a file's name is refused by the export.
    made = [Output("--out", out / name, "pose") for name in ("index.tsv", *names) if not {"/", "\0"} & set(name)]
    claim_files(made, [source], arguments.overwrite)
    return prepared(out, export_pose(corpus, out, splits, arguments.ids))
