"""What recipes say of networks, read without TensorFlow: a wrong recipe is refused before it is loaded."""

from tf_slr.models.options.corrnet import CorrNetOptions
from tf_slr.models.options.lrinet import LriNetOptions
from tf_slr.models.options.mslr import MslrOptions

ModelOptions = MslrOptions | CorrNetOptions | LriNetOptions
