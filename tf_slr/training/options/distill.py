"""What is distilled, and how strongly."""

from dataclasses import dataclass

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import UsageError


@dataclass(frozen=True)
class DistillOptions:
    """What is distilled, and how strongly; a weight of 0 leaves a term out.

    Attributes:
        teacher: run folder of the teacher; empty for no teacher. Recipes leave it to 'tf-slr train --teacher RUN'.
        conv: weight of KL(teacher || student) on the convolution heads.
        sequence: the same on the sequence heads.
        features: weight of the squared distance of frame-level features. Kept ones take two bytes a value: of a map of
            4 x 4 x 96 3 kB a frame, of the paper's teacher 50 kB.
        inner: weight of KL(own sequence head, held fixed || own convolution head).
        temperature: softens teacher and student; the loss is multiplied by its square.
        inner_temperature: the same between the own heads.
        blank: whether the blank takes part in what is compared with the teacher.
        inner_blank: the same between the own heads.
        online: compute the teacher on the very change that the student's augmentation shows, instead of
            once for each clip. What is kept moves along with a change of tempo, but knows nothing of any other
            change; online costs a teacher's forward pass a step.
        fade: the weights of what the teacher says fall in a straight line to nothing at the end of training, so that a
            weak teacher does not hold back a student that overtakes it (teacher annealing: K. Clark et al., "BAM!",
            ACL 2019).
    """

    teacher: str = ""
    conv: float = bounded(0.0, 0, 1000)
    sequence: float = bounded(0.0, 0, 1000)
    features: float = bounded(0.0, 0, 1000)
    inner: float = bounded(0.0, 0, 1000)
    temperature: float = bounded(4.0, 0, 1000, above=True)
    inner_temperature: float = bounded(8.0, 0, 1000, above=True)
    blank: bool = True
    inner_blank: bool = False
    online: bool = False
    fade: bool = False

    def __post_init__(self) -> None:
        check_bounds(self, "distill.")
        taught = self.conv or self.sequence or self.features
        if taught and not self.teacher:
            raise UsageError("distill.conv, .sequence and .features above 0 learn from a teacher; name its run with "
                             "--teacher RUN (distill.teacher)")  # fmt: skip
        if self.teacher and not taught:
            raise UsageError(f"distill.teacher = {self.teacher!r} teaches nothing; give distill.conv, .sequence or "
                             ".features a weight above 0")  # fmt: skip
        if self.fade and not taught:
            raise UsageError("distill.fade fades what a teacher says, and there is none; take it out, or give "
                             "distill.conv, .sequence or .features a weight above 0")  # fmt: skip
