"""The page: facts -> one HTML document that needs nothing else."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tf_slr.apps.report.charts import Line, bar, line_chart
from tf_slr.apps.report.gather import CORRECTED, FP32, INT8, Example, Facts
from tf_slr.apps.report.markup import Content, Markup, empty, join, tag
from tf_slr.apps.report.style import CSS
from tf_slr.apps.report.timelines import DELETION, GAP, INSERTION, PICTURE, RULER, SUBSTITUTION, TRACK, timeline
from tf_slr.training.evaluation import Evaluation

LISTED = 10  # commonest mistakes of a kind
# Nothing on the page may be fetched or run, whatever a gloss says.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
# What metrics.jsonl calls what, in words.
_TERMS = {"loss": "total loss", "ctc_sequence": "CTC, sequence head", "ctc_conv": "CTC, convolution head"}
_NO_LOSS = ("epoch", "step", "learning_rate", "dev_wer", "seconds")


def render(facts: Facts, made_by: str) -> str:
    """The report as HTML.

    Args:
        facts: of the run.
        made_by: the program, its version and the command, for the page's foot.
    """
    sections = [_results, _examples, _mistakes, _signers, _learning, _speed, _corpus]
    body = [_head(facts), *(section(facts) for section in sections), _foot(made_by)]
    document = tag(
        "html",
        tag(
            "head",
            empty("meta", charset="utf-8"),
            empty("meta", http_equiv="Content-Security-Policy", content=POLICY),
            empty("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("title", f"{facts.name}: {facts.label}"),
            tag("style", Markup(CSS)),
        ),
        tag("body", tag("main", body)),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{document}\n"


def _head(facts: Facts) -> Markup:
    split = list(facts.evaluations)[-1]
    errors, mistakes = facts.evaluations[split][facts.used].errors(), facts.mistakes[split]
    between = mistakes.interval()
    cards = [
        _card(f"{split.capitalize()} WER, {facts.used}", _percent(errors.wer),
              f"95 %: {_percent(between[0])} to {_percent(between[1])}" if between else f"{errors.reference} glosses"),
        _card("Whole sentences right", _percent(mistakes.whole / len(mistakes.sentences)),
              f"{mistakes.whole} of {len(mistakes.sentences)}"),
        _card("Parameters", f"{facts.summary['parameters'] / 1e6:.2f} M", f"{facts.classes} glosses known"),
    ]  # fmt: skip
    if corrected := facts.evaluations[split].get(CORRECTED):
        cards.insert(1, _card(f"{split.capitalize()} WER, corrected", _percent(corrected.wer),
                              "as people get it from the bundle"))  # fmt: skip
    if facts.bundle:
        sizes = facts.bundle["metrics"]
        cards.append(
            _card("Size, INT8", f"{sizes['bytes_int8'] / 1e6:.2f} MB", f"FP32 {sizes['bytes_fp32'] / 1e6:.2f} MB")
        )
    if facts.bench:
        single = facts.bench["threads"]["1"][INT8]
        cards.append(_card("Speed, one thread", f"{single['p50_ms']:.1f} ms", f"for {facts.bench['frames']} frames"
                           + (", on a busy machine" if facts.bench["noisy"] else "")))  # fmt: skip
    cards.append(
        _card("Training", _duration(facts.summary["seconds"]), f"{facts.summary['epochs']} epochs, seed {facts.seed}")
    )
    lead = f"Continuous sign language recognition on {facts.corpus.name}, {facts.corpus.language}."
    if facts.corpus.synthetic:
        lead += (
            " Nobody signed: the corpus is generated, a stand-in, and its numbers say nothing about people's signing."
        )
    return tag("header", tag("h1", facts.name, " ", _badge(facts)), tag("p", lead, class_="lead"),
               tag("div", cards, class_="cards"))  # fmt: skip


def _card(name: str, figure: str, note: str) -> Markup:
    return tag("div", tag("span", name, class_="name"), tag("b", figure), tag("span", note), class_="card")


def _badge(facts: Facts) -> Markup:
    return tag("span", facts.label, class_="badge" if facts.corpus.synthetic else "badge plain")


def _percent(share: float | None) -> str:
    return "undefined" if share is None or share == float("inf") else f"{100 * share:.1f} %"


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _table(facts: Facts, caption: str, heads: Sequence[Content], rows: Iterable[Markup]) -> Markup:
    """A table; whose data its numbers come from stands in its title."""
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption, " ", _badge(facts)),
            tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
            tag("tbody", rows),
        ),
        class_="scroll",
    )


def _row(head: Content, *cells: Content, class_: str | None = None) -> Markup:
    return tag("tr", tag("th", head, scope="row"), [tag("td", cell) for cell in cells], class_=class_)


def _results(facts: Facts) -> Markup:
    """WER of every model, split and group of signers."""
    both = facts.bundle is not None
    # What matters most comes first: a phone shows three columns before one has to push.
    heads = ["", "FP32 WER", *(["INT8 WER", "difference"] if both else []), "substituted", "deleted", "inserted",
             "glosses", "sentences"]  # fmt: skip
    rows = []
    for split, by_model in facts.evaluations.items():
        signers = {sample.signer for sample in by_model[FP32].samples}
        groups = {
            "known signers": signers & facts.training_signers,
            "held-out signers": signers - facts.training_signers,
        }
        rows.append(_result(split, by_model, facts.used, None))
        rows += [_result(f"{name} ({len(group)})", by_model, facts.used, group)
                 for name, group in groups.items() if group]  # fmt: skip
        if CORRECTED in by_model:
            rows.append(_result(f"{split}, corrected", by_model, CORRECTED, None))
    table = _table(facts, "Word error rate of the student, greedy decoding", heads, rows)
    kinds = f"Kinds of errors are those of {facts.used}." if both else ""
    if any(CORRECTED in by_model for by_model in facts.evaluations.values()):
        kinds += " A corrected row shows what the bundle's corrector makes of what the INT8 student recognised."
    return tag("section", tag("h2", "Recognition"), table,
               tag("p", "WER = (substituted + deleted + inserted) / glosses signed. Held-out signers do not sign in "
                        f"the training split. {kinds}", class_="quiet"))  # fmt: skip


def _result(name: str, by_model: dict[str, Evaluation], model: str, signers: set[str] | None) -> Markup:
    """A row for some signers, or for all of them (None): FP32 beside what `model` gives, whose errors are counted."""
    plain, shown = by_model[FP32].errors(signers), by_model[model].errors(signers)
    count = sum(signers is None or sample.signer in signers for sample in by_model[FP32].samples)
    compared = [_percent(shown.wer), f"{100 * (shown.wer - plain.wer):+.1f}"] if model != FP32 else []
    return _row(name, _percent(plain.wer), *compared, shown.substitutions, shown.deletions, shown.insertions,
                shown.reference, count, class_="total" if signers is None else "group")  # fmt: skip


def _examples(facts: Facts) -> Markup:
    """Telling clips over time."""
    kinds = [("hit", "recognised"), ("sub", "substituted (S)"), ("del", "deleted (D)"), ("ins", "inserted (I)"),
             ("left", "left hand"), ("right", "right hand")]  # fmt: skip
    legend = tag("ul", [tag("li", tag("span", class_=f"swatch {kind}"), name) for kind, name in kinds], class_="legend")
    note = (f"Recognised by {facts.used}, on clips that were not trained on. The bar in each field is when the network "
            "gives the gloss. Times of the signed glosses are no annotation: they are a forced alignment, the "
            "likeliest times by the same network's output, given the reference.")  # fmt: skip
    shown = [_example(example) for example in facts.examples]
    return tag("section", tag("h2", "Signed and recognised, over time ", _badge(facts)), tag("p", note, class_="quiet"),
               legend, shown)  # fmt: skip


def _example(example: Example) -> Markup:
    sample = example.sample
    title = tag("h3", example.why[:1].upper() + example.why[1:])
    about = tag("p", f"{sample.id}, {sample.signer}, {example.seconds:.1f} s"
                + (f": {sample.text}" if sample.text else ""), class_="quiet")  # fmt: skip
    pairs = []
    for reference, hypothesis in example.pairs:
        kind, letter = (DELETION, "D ") if hypothesis is None else (INSERTION, "I ") if reference is None else \
            ("hit", "") if reference == hypothesis else (SUBSTITUTION, "S ")  # fmt: skip
        above = tag("b", reference) if reference is not None else tag("b", "not signed", class_="missing")
        below = tag("span", letter, hypothesis) if hypothesis is not None else \
            tag("span", letter, "not recognised", class_="missing")  # fmt: skip
        pairs.append(tag("li", above, below, class_=kind))
    y = (PICTURE + 6 if example.clip else 0) + RULER
    tracks = ["signed (aligned)", "recognised"] if example.reference is not None else ["recognised"]
    names = [tag("span", name, style=f"top:{y + number * (TRACK + GAP) + 3}px") for number, name in enumerate(tracks)]
    rows = tag("div", tag("div", names, class_="names"), tag("div", timeline(example), class_="scroll"), class_="rows")
    unknown = None
    if example.reference is None:
        unknown = tag("p", "A gloss of it never stands in the training split, so the signed glosses have no times.",
                      class_="quiet")  # fmt: skip
    return tag("div", title, about, tag("ul", pairs, class_="pairs"), rows, unknown, class_="example")


def _mistakes(facts: Facts) -> Markup:
    """The commonest confusions, deletions and insertions."""
    split = list(facts.mistakes)[-1]
    mistakes = facts.mistakes[split]

    def table(caption: str, counted: Counter, kind: str, share: bool) -> Markup:
        most = counted.most_common(LISTED)
        rows = []
        for key, times in most:
            gloss = key if isinstance(key, str) else key[0]
            name = key if isinstance(key, str) else [key[0], Markup(" &rarr; "), key[1]]
            of = [f"of {mistakes.signed[gloss]}"] if share else []
            rows.append(_row(tag("span", name, class_="gloss"), bar(times / most[0][1], kind), times, *of))
        if not rows:
            rows = [_row(tag("span", "none", class_="quiet"), *[""] * (3 if share else 2))]
        return _table(facts, caption, ["", "", "times", *(["signed"] if share else [])], rows)

    tables = [
        table("Confused: signed → recognised", mistakes.confused, "sub", True),
        table("Most deleted", mistakes.missed, "del", True),
        table("Most inserted", mistakes.invented, "ins", False),
    ]
    return tag("section", tag("h2", "What goes wrong"),
               tag("p", f"{facts.used} on the {split} split; the {LISTED} commonest of each kind.", class_="quiet"),
               tag("div", tables[0], tag("div", tables[1:]), class_="columns"))  # fmt: skip


def _signers(facts: Facts) -> Markup:
    """WER by signer, worst first."""
    split = list(facts.evaluations)[-1]
    by_model = facts.evaluations[split]
    signers = {sample.signer for sample in by_model[FP32].samples}
    errors = {
        model: {signer: evaluation.errors({signer}) for signer in signers} for model, evaluation in by_model.items()
    }
    used = errors[facts.used]
    rates = {signer: min(errors.wer, 1.0) for signer, errors in used.items()}  # infinite where nothing was signed
    most = max(rates.values()) or 1.0
    rows = []
    for signer in sorted(signers, key=lambda signer: (-used[signer].wer, signer)):
        held_out = None if signer in facts.training_signers else tag("span", " held out", class_="quiet")
        shown = [_percent(errors[model][signer].wer) for model in errors]
        rows.append(_row([signer, held_out], bar(rates[signer] / most), *shown, used[signer].reference))
    heads = ["signer", "", *(f"{model} WER" for model in errors), "glosses"]
    return tag("section", tag("h2", "By signer"), _table(facts, f"Word error rate by signer, {split}", heads, rows))


def _learning(facts: Facts) -> Markup:
    """Loss terms and dev WER over epochs."""
    names = [name for name in (facts.metrics[0] if facts.metrics else {}) if name not in _NO_LOSS]
    losses = [Line(_TERMS.get(name, name.replace("_", " ")), _curve(facts, name)) for name in names]
    wer = Line("dev WER, FP32", _curve(facts, "dev_wer"))
    best = facts.summary["best_epoch"]
    charts = [line_chart("Training loss and its terms", losses, "epoch", mark=best),
              line_chart("WER on dev", [wer], "epoch", percent=True, mark=best)]  # fmt: skip
    return tag("section", tag("h2", "Learning curves ", _badge(facts)),
               tag("p", f"The weights of epoch {best} (dashed) were best on dev and are the ones that were kept.",
                   class_="quiet"), tag("div", charts, class_="columns"))  # fmt: skip


def _curve(facts: Facts, name: str) -> list[tuple[float, float]]:
    return [(line["epoch"], line[name]) for line in facts.metrics if name in line]


def _speed(facts: Facts) -> Markup | None:
    """Speed and size, as tools/bench.py measured them."""
    bench = facts.bench
    if bench is None:
        return None
    rows = []
    for threads, by_model in bench["threads"].items():
        for model, figures in by_model.items():
            ratio = f"{bench['ratio'][threads]:.2f} x" if model == INT8 else ""
            times = (f"{figures[name]:.2f}" for name in ("p50_ms", "p95_ms", "p99_ms"))
            rows.append(_row(f"{model}, {threads} thread{'s' * (threads != '1')}", *times,
                             _grouped(figures["frames_per_second"]), ratio))  # fmt: skip
    whole = _table(facts, f"The network on {bench['frames']} frames", ["", "p50 ms", "p95 ms", "p99 ms", "frames/s",
                                                                     "INT8 against FP32"], rows)  # fmt: skip
    stages = bench["stages_ms"]
    longest = max(stages.values()) or 1
    by_stage = _table(facts, f"From a clip to glosses, {bench['frames']} frames, one thread", ["stage", "", "p50 ms"],
                      [_row(name, bar(value / longest), f"{value:.3f}") for name, value in stages.items()])  # fmt: skip
    machine, start = bench["machine"], bench["start"]
    about = (f"{machine['cpu']}, {machine['cores']} cores, INT8 instructions: "
             f"{', '.join(machine['int8_instructions']) or 'none'}; {bench['runs']} runs each, in turns. "
             f"A new process imports the runtime in {start['import_s']} s, loads the bundle in {start['load_s']} s "
             f"and peaks at {start['peak_mb']} MB. Finding landmarks in a video is not in these times.")  # fmt: skip
    noisy = None
    if bench["noisy"]:
        noisy = tag("p", f"The machine was noisy ({'; '.join(bench['noisy'])}): do not quote these times.",
                    class_="warning")  # fmt: skip
    return tag("section", tag("h2", "Speed and size"), noisy, tag("p", about, class_="quiet"), whole, by_stage)


def _corpus(facts: Facts) -> Markup:
    """What was trained on, and how."""
    info = facts.corpus
    rows = [
        _row(name, _grouped(size["sentences"]), _grouped(size["glosses"]), f"{size['hours']:.2f}", size["signers"])
        for name, size in facts.sizes.items()
    ]
    table = _table(facts, "Corpus", ["split", "sentences", "glosses", "hours", "signers"], rows)
    known = [("Name", facts.label), ("Language", info.language), ("Licence", info.licence),
             ("Landmarks", info.landmark_source), ("Frame rate", f"{info.fps:g} frames a second"),
             ("Unit", info.unit), ("Vocabulary", f"{facts.classes} of the training split")]  # fmt: skip
    if facts.bundle:
        known.append(
            ("Bundle", [tag("code", f"{name} {digest[:16]}…") for name, digest in facts.bundle["files"].items()])
        )
    listed = tag("dl", [[tag("dt", name), tag("dd", join(value, " "))] for name, value in known])
    refused = None
    if facts.refused:
        refused = tag("details", tag("summary", f"{len(facts.refused)} clips could not be used"),
                      tag("pre", "\n".join(facts.refused)))  # fmt: skip
    recipe = tag("details", tag("summary", "The whole recipe"), tag("pre", facts.recipe))
    return tag("section", tag("h2", "Corpus and recipe"), table, listed, refused, recipe)


def _foot(made_by: str) -> Markup:
    return tag("footer", tag("p", "Made by ", tag("code", made_by)),
               tag("p", "References are read after recognition only: for the scores, and for the alignment of the "
                        "examples. The interval is a bootstrap over sentences: it holds for more sentences of these "
                        "signers and this training run, not for other signers or seeds."))  # fmt: skip
