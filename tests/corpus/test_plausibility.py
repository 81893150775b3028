"""Landmarks of others: each fault is found in clips that were sound, and sound clips are left in peace."""

import numpy as np
import pytest

from tests.landmark_clips import moving_figure
from tf_slr.cli import main as cli
from tf_slr.cli.recognition import depth_notes
from tf_slr.core.landmarks import LEFT_HAND, MIRROR, POSE, RIGHT_HAND, Clip, Normalisation, normalise
from tf_slr.corpus.check import check_corpus
from tf_slr.corpus.manifest import Corpus, CorpusInfo, Sample, landmark_path, read_clip, write_clip, write_corpus
from tf_slr.corpus.plausibility import corpus_notes, examine, rate_doubt
from tf_slr.features.augment import Change, apply


def exchanged(clip):
    """Left and right hand, while the arms stay."""
    landmarks = clip.landmarks.copy()
    landmarks[:, LEFT_HAND], landmarks[:, RIGHT_HAND] = clip.landmarks[:, RIGHT_HAND], clip.landmarks[:, LEFT_HAND]
    return clip._replace(landmarks=landmarks)


def mirrored(clip):
    """Every x, while the labels stay."""
    points = [np.array([1, 0, 0]) + part * [-1, 1, 1] for part in (clip.landmarks, clip.shoulders)]
    return Clip(*points, clip.aspect)


def relabelled(clip):
    """Every label, while the points stay."""
    return Clip(clip.landmarks[:, MIRROR], clip.shoulders[:, ::-1], clip.aspect)


def zeros(clip):
    return clip._replace(landmarks=np.nan_to_num(clip.landmarks))


def upwards(clip):
    """y as mathematicians like it."""
    points = [np.array([0, 1, 0]) + part * [1, -1, 1] for part in (clip.landmarks, clip.shoulders)]
    return Clip(*points, clip.aspect)


FAULTS = {exchanged: "exchanged", mirrored: "mirrored", relabelled: "mirrored", zeros: "zeros", upwards: "upside down"}


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """Clips of the generator, as a tracker would see them."""
    from tf_slr.synth.signsynth import SignsynthOptions, write_signsynth

    root = tmp_path_factory.mktemp("plausible") / "corpus"
    write_signsynth(root, SignsynthOptions(train=12, dev=2, test=2, workers=1))
    corpus = Corpus(root)
    return [corpus.clip(sample) for sample in corpus.split("train")]


def test_sound_clips_are_not_doubted(signed):
    for clip in (*signed, moving_figure(40)):
        finding = examine(clip)
        assert finding.doubts == ()
        assert finding.side == 1
        assert finding.depth is True


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_found_in_every_clip(signed, fault):
    assert all(FAULTS[fault] in examine(fault(clip)).doubts for clip in signed)


def test_arms_that_are_known_by_their_wrists_only_tell_it_over_many_clips(signed):
    """As where hands alone were tracked and shoulders were estimated."""
    bare = []
    for clip in signed:
        landmarks = clip.landmarks.copy()
        landmarks[:, : LEFT_HAND.start] = np.nan
        bare.append(mirrored(Clip(landmarks, clip.shoulders, clip.aspect))._replace(shoulders=None))
    close = [clip._replace(landmarks=(clip.landmarks - 0.5) * 0.5 + 0.5) for clip in bare]
    lines = corpus_notes("train.csv", [(str(number), examine(clip)) for number, clip in enumerate(close)])
    assert any("mirrored" in line for line in lines)


def test_a_clip_of_nothing_but_zeros_is_doubted():
    assert examine(Clip(np.zeros((9, 92, 3), np.float32), None, 1.0)).doubts == ("zeros",)


@pytest.mark.parametrize("fps", [1000.0, 1.0])
def test_a_rate_of_no_camera_is_named(fps):
    assert f"{fps:g} frames a second" in rate_doubt(fps)
    assert not any(rate_doubt(usual) for usual in (10, 25, 29.97, 60, 240))


def corpus_of(root, clips, fps=25.0):
    samples = []
    for number, clip in enumerate(clips):
        write_clip(root / landmark_path(str(number)), clip)
        samples.append(Sample(str(number), "anna", len(clip.landmarks), ("A",), landmarks=landmark_path(str(number))))
    write_corpus(root, CorpusInfo("test", "x", fps=fps), {"train": samples, "dev": samples[:0], "test": samples[:0]})


def test_check_says_so(tmp_path, signed):
    corpus_of(tmp_path / "c", [*signed[:3], exchanged(signed[3]), zeros(signed[4])], fps=1000)
    notes = [line for line in check_corpus(tmp_path / "c") if line.startswith("note: ")]
    place = tmp_path / "c/train.csv"
    assert any(line.startswith(f"note: {place}: 1 of 5 clips: hands lie at the other arm's wrist") for line in notes)
    assert any(line.startswith(f"note: {place}: 1 of 5 clips: points that were not found are 0") for line in notes)
    assert any("1000 frames a second are no camera's rate" in line for line in notes)
    assert len(notes) == 3


def test_prepare_says_so_of_pose_files(tmp_path, signed):
    pytest.importorskip("pose_format")
    from tf_slr.importers.poses import prepare_pose, write_pose

    rows = ["file\tglosses\tsplit"]
    for number, clip in enumerate((signed[0], mirrored(signed[1]))):
        write_pose(tmp_path / f"{number}.pose", clip, 25)
        rows.append(f"{number}.pose\tA\ttrain")
    (tmp_path / "index.tsv").write_text("\n".join(rows) + "\n")
    (line,) = prepare_pose(tmp_path / "index.tsv", tmp_path / "out", CorpusInfo("mine", "x"))
    assert line.startswith("note: mine: 1 of 2 clips: left and right are mirrored")
    assert line.endswith("(1)")


def test_recognize_says_so(tmp_path, tiny_bundle, tiny_corpus, capsys):
    clip = read_clip(tiny_corpus / "landmarks/test-00000.npz")
    write_clip(tmp_path / "wrong.npz", exchanged(mirrored(clip)))
    cli.main(["recognize", "--bundle", str(tiny_bundle), str(tmp_path / "wrong.npz"), "--fps", "1000"])
    stderr = capsys.readouterr().err
    assert f"note: {tmp_path / 'wrong.npz'}: 1000 frames a second" in stderr
    assert f"note: {tmp_path / 'wrong.npz'}: hands lie at the other arm's wrist" in stderr
    assert f"note: {tmp_path / 'wrong.npz'}: left and right are mirrored" in stderr


def test_a_clip_without_depth_is_named_with_what_that_costs():
    metrics = {"dev_wer_int8": 0.0565, "dev_wer_without_depth": 0.3}
    (note,) = depth_notes({"metrics": metrics})
    assert "30.0% instead of 5.7%" in note
    assert depth_notes({"metrics": metrics | {"dev_wer_without_depth": None}}) == []  # it never learned any
    (note,) = depth_notes({"metrics": {"dev_wer_int8": 0.0565}})
    assert "was not measured" in note


def test_an_unknown_depth_is_as_a_depth_of_0():
    """Whole or in part, also where points turn: only then a clip's reader does not matter."""
    clip = moving_figure(30)
    unknown, nought = (clip.landmarks.copy() for _ in range(2))
    some = np.random.default_rng(0).random(unknown.shape[:2]) < 0.3
    some[:, RIGHT_HAND] = True
    some &= np.isfinite(unknown[..., 0])
    unknown[some, 2], nought[some, 2] = np.nan, 0
    rule = Normalisation(pose_z_gain=1.0)
    np.testing.assert_array_equal(normalise(Clip(unknown, None, 1.0), rule), normalise(Clip(nought, None, 1.0), rule))
    change = Change(np.arange(30.0), np.zeros(30), angle=0.2)
    turned = [apply(Clip(points, None, 1.0), change)[0].landmarks for points in (unknown, nought)]
    np.testing.assert_array_equal(*turned)
    assert np.isfinite(turned[0][..., :2]).sum() == np.isfinite(clip.landmarks[..., :2]).sum()


@pytest.mark.parametrize("name", ["isolated/indian13", "israeli/israeli", "copycat/copycat", "dgs/dgs"])
def test_real_signers_are_not_doubted(name, real_data):
    with np.load(real_data / f"{name}.npz") as arrays:
        landmarks, shoulders = arrays["landmarks"], arrays["shoulders"]
        ends = arrays["offsets"] if "offsets" in arrays else None
    if ends is not None:
        pieces = [slice(ends[i], ends[i + 1]) for i in range(0, len(ends) - 1, max(1, len(ends) // 25))]
    else:
        pieces = range(0, len(landmarks), 10)
    clips = [Clip(landmarks[piece], shoulders[piece], 4 / 3) for piece in pieces]
    findings = [(str(number), examine(clip)) for number, clip in enumerate(clips)]
    assert corpus_notes(name, findings) == []
    assert np.mean(["exchanged" in examine(exchanged(clip)).doubts for clip in clips]) > 0.9
    assert all("mirrored" in examine(mirrored(clip)).doubts for clip in clips)
    missing = [clip for clip in clips if np.isnan(clip.landmarks[:, POSE.stop :]).any()]
    assert all("zeros" in examine(zeros(clip)).doubts for clip in missing)
