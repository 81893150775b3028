"""Which network a recipe means, and which stream of a clip it reads."""

import tensorflow as tf
import tf_keras

from tf_slr.core.errors import UsageError
from tf_slr.core.pictures import FrameOptions
from tf_slr.corpus.manifest import Corpus
from tf_slr.features.frames import KeptPictures
from tf_slr.features.options import FeatureOptions
from tf_slr.features.splits import UsableSplit
from tf_slr.features.streams import Landmarks, Stream, Video
from tf_slr.features.views import WHOLE, View
from tf_slr.models.corrnet import CorrNet
from tf_slr.models.lrinet import LriNet
from tf_slr.models.mslr import Mslr
from tf_slr.models.options import CorrNetOptions, LriNetOptions, ModelOptions, MslrOptions
from tf_slr.runtime.inputs import InputRule

_NETWORKS = {MslrOptions: Mslr, CorrNetOptions: CorrNet, LriNetOptions: LriNet}


def build(options: ModelOptions, classes: int, seed: int = 0) -> tf_keras.Model:
    """A new network; it returns "sequence_logits", "conv_logits", "steps" and named features."""
    return _NETWORKS[type(options)](options, classes, seed)


def input_rule(options: ModelOptions, features: FeatureOptions) -> InputRule:
    """How a clip becomes a network's input; the rule that its bundle carries."""
    if isinstance(options, MslrOptions):
        return features.normalisation
    return FrameOptions(options.size, features.margin)


def stream_of(
    options: ModelOptions, features: FeatureOptions, corpus: Corpus, split: UsableSplit, name: str = "",
    pictures: KeptPictures | None = None, every: int = 0,
) -> Stream:  # fmt: skip
    """What a network reads of a split's clips.

    Args:
        options: the network's.
        features: normalisation and cropping.
        corpus: where videos lie.
        split: the clips.
        name: of the stream in a batch; "landmarks" or "video" when empty.
        pictures: where decoded pictures are kept, if at all.
        every: every so many-th frame is looked at; 0 for as many as the network looks at.

    Raises:
        UsageError: the network reads landmarks, or close-ups, and the corpus has none.
    """
    every = every or (1 if isinstance(options, MslrOptions) else options.temporal.every)
    return stream_under(input_rule(options, features), corpus, split, name, every, pictures, features.view)


def stream_under(
    rule: InputRule, corpus: Corpus, split: UsableSplit, name: str = "", every: int = 1,
    pictures: KeptPictures | None = None, view: View = WHOLE,
) -> Stream:  # fmt: skip
    """A split's clips under a rule; see `stream_of`, and `Video` for `every` and `view`."""
    if split.clips is None and (view.needs_landmarks or not isinstance(rule, FrameOptions)):
        raise UsageError(f"{corpus.root}: has no landmarks, which this network needs; prepare it with them")
    if isinstance(rule, FrameOptions):
        where = corpus.root, split.samples, rule, split.clips
        return Video(*where, name or "video", every, pictures, view, corpus.info.fps)
    return Landmarks(split.clips, rule, name or "landmarks")


def inputs_of(batch: dict[str, tf.Tensor], name: str = "") -> dict[str, tf.Tensor]:
    """What a network is called with: the stream it reads, and the lengths.

    Args:
        batch: a `Batch`.
        name: of the teacher's stream; empty for the one of the network that is trained.
    """
    stream = batch[name or ("landmarks" if "landmarks" in batch else "video")]
    return {"landmarks" if len(stream.shape) == 3 else "video": stream, "frames": batch["frames"]}
