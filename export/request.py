"""Whether a run can be exported as it is asked for; said before TensorFlow is loaded."""

from pathlib import Path

from export.variants import DEFAULT, variant_of
from tf_slr.core.errors import UsageError
from tf_slr.correction.corrector import Description
from tf_slr.models.options import LriNetOptions, MslrOptions
from tf_slr.runtime.bundle import fitting_corrector, require_room
from tf_slr.training.runs import Run


def require_exportable(
    run: Run, out: Path | str, variant: str, qat: bool | None = None, corrector: Path | None = None
) -> Description | None:
    """See that a run can become a bundle.

    Args:
        run: the run.
        out: folder of the bundle.
        variant: a name in `VARIANTS`.
        qat: whether to fine-tune with quantisation in the loop; None for what the recipe says.
        corrector: folder of the corrector that goes into the bundle, or None.

    Returns:
        The corrector's description, if there is one.

    Raises:
        BundleError: the corrector is damaged.
        DataError: the run is not trained, or its corpus is gone.
        UsageError: the run's network is a teacher or sees close-ups, no bundle holds the variant, it has no
            fine-tuning, or the folder holds something else.
    """
    form = variant_of(variant)
    if not form.deployable:
        raise UsageError(f"variant {variant!r} is there to be compared with; a bundle holds an INT8 student")
    if form.tiled and qat:
        raise UsageError(
            f"variant {variant!r} has no quantisation-aware fine-tuning; leave --qat out, or export {DEFAULT!r}"
        )
    run.require_trained()
    recipe = run.recipe
    if not isinstance(recipe.model, MslrOptions | LriNetOptions):
        raise UsageError(f"{run.root}: holds a {recipe.model.kind}; only students (mslr, lrinet) can be exported")
    if recipe.features.view.needs_landmarks:
        raise UsageError(
            f"{run.root}: sees close-ups (features.close_up, details), for which recognition would need landmarks "
            "besides pictures; a student that is exported sees whole pictures, or landmarks alone"
        )
    require_room(out)
    return fitting_corrector(corrector, run.vocabulary) if corrector is not None else None
