"""One HTML page about a run: results, examples over time, mistakes, learning curves, speed, corpus, recipe.

python tools/html_report.py --run RUN --bundle BUNDLE --bench bench.json --out report.html
"""

import argparse
import shlex
import sys
from pathlib import Path

from tf_slr import __version__
from tf_slr.cli.common import Parser, add_overwrite, import_tensorflow, report
from tf_slr.cli.main import guarded
from tf_slr.cli.paths import existing, input_file
from tf_slr.core import files
from tf_slr.core.kinds import Kind
from tf_slr.core.outputs import Output, claim_files
from tf_slr.core.stdout import say
from tf_slr.scoring.wer import describe


def main() -> int:
    """Write the report and print its results."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=existing(Kind.RUN), required=True, help="folder of the trained run")
    parser.add_argument("--bundle", type=existing(Kind.BUNDLE), help="folder of the bundle that was exported from it")
    parser.add_argument("--bench", type=input_file("the JSON of tools/bench.py"), help="what tools/bench.py measured")
    parser.add_argument("--out", type=Path, required=True, help="the page")
    parser.add_argument("--json", type=Path, help="where to write every result as JSON, by signer and sentence")
    add_overwrite(parser)
    arguments = parser.parse_args()

    def work() -> int:
        from tf_slr.training.runs import Run

        made = [Output("--out", arguments.out, "report")]
        made += [Output("--json", arguments.json, "results")] if arguments.json else []
        claim_files(made, [arguments.run, arguments.bundle, arguments.bench], arguments.overwrite)
        Run(arguments.run).require_trained()
        import_tensorflow()
        from tf_slr.apps.report.gather import gather
        from tf_slr.apps.report.page import render

        facts = gather(arguments.run, arguments.bundle, arguments.bench)
        files.write_text(arguments.out, render(facts, f"tf_slr {__version__}: python {shlex.join(sys.argv)}"))
        results = facts.results()
        if arguments.json:
            files.write_json(arguments.json, results)
        for split, by_model in results.items():
            for model, result in by_model.items():
                for name, counts in {"all": result, **result["groups"]}.items():
                    say(f"{split:4s}  {model:9s}  {name:16s} {describe(counts)}  {facts.label}")
        for path in filter(None, (arguments.json, arguments.out)):
            say(f"wrote {path}")
        return report(facts.refused)

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
