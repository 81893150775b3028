"""signsynth, the embedded corpus: a generated signer, its grammar, its pictures, its tracker's defects."""
