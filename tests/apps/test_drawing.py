"""Drawings: every part lands where its landmarks are, and a caption can be read or its lack is said."""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest

from tf_slr.apps import drawing
from tf_slr.apps.drawing import (
    ARMS,
    LEFT,
    RIGHT,
    blank,
    default_font,
    draw_caption,
    draw_skeleton,
    fonts_for,
    runs,
    undrawable,
)
from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import LEFT_ELBOW, LEFT_HAND, POINTS, RIGHT_ELBOW, RIGHT_HAND

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("cv2", "PIL", "matplotlib")), reason="needs tf_slr[video]"
)


def nobody():
    return np.full((POINTS, 3), np.nan, np.float32)


def hand_at(part, x, y):
    landmarks = nobody()
    landmarks[part, 0] = x + np.linspace(-0.05, 0.05, 21)
    landmarks[part, 1] = y + np.resize([-0.05, 0.05], 21)
    return landmarks


def centre(picture, colour):
    """Middle of what has about this colour, as shares of the picture's size."""
    rows, columns = np.nonzero(np.abs(picture.astype(int) - colour).max(-1) < 40)
    assert len(rows) > 20
    return (columns.min() + columns.max()) / 2 / picture.shape[1], (rows.min() + rows.max()) / 2 / picture.shape[0]


def test_each_hand_has_its_colour_and_place():
    picture = blank(16 / 9)
    draw_skeleton(picture, np.fmax(hand_at(LEFT_HAND, 0.8, 0.3), hand_at(RIGHT_HAND, 0.2, 0.6)))
    assert centre(picture, LEFT) == pytest.approx((0.8, 0.3), abs=0.02)
    assert centre(picture, RIGHT) == pytest.approx((0.2, 0.6), abs=0.02)


def test_landmarks_of_another_aspect_are_fitted_into_the_middle():
    wide, high = np.zeros((200, 800, 3), np.uint8), np.zeros((800, 200, 3), np.uint8)
    for picture in (wide, high):
        draw_skeleton(picture, hand_at(LEFT_HAND, 0.9, 0.1), aspect=1.0)
    assert centre(wide, LEFT) == pytest.approx((0.5 + 0.4 / 4, 0.1), abs=0.02)
    assert centre(high, LEFT) == pytest.approx((0.9, 0.5 - 0.4 / 4), abs=0.02)


def test_shoulders_give_upper_arms():
    landmarks = nobody()
    landmarks[[LEFT_ELBOW, RIGHT_ELBOW], :2] = [(0.8, 0.8), (0.2, 0.8)]
    without, with_them = blank(1.0), blank(1.0)
    draw_skeleton(without, landmarks)
    assert (without == blank(1.0)).all()
    draw_skeleton(with_them, landmarks, shoulders=np.array([[0.7, 0.4, 0], [0.3, 0.4, 0]]))
    assert centre(with_them, ARMS) == pytest.approx((0.5, 0.6), abs=0.02)


def test_nothing_found_or_far_outside_changes_nothing():
    picture = blank(1.0)
    draw_skeleton(picture, nobody(), 1.0, np.full((2, 3), np.nan))
    draw_skeleton(picture, hand_at(LEFT_HAND, 1e30, -1e30))
    draw_skeleton(picture, hand_at(LEFT_HAND, 5.0, 5.0))
    draw_caption(picture, " \n ")
    assert (picture == blank(1.0)).all()


def test_a_caption_is_white_on_dark_at_the_foot():
    picture = np.full((480, 640, 3), 180, np.uint8)
    draw_caption(picture, "ÜBERMORGEN")
    changed = np.nonzero((picture != 180).any(-1))
    assert changed[0].min() > 380
    assert changed[1].min() > 100
    assert abs(changed[1].min() + changed[1].max() - 640) < 4
    assert picture.max() == 255
    assert picture.min() < 60


def test_letters_differ_and_umlauts_are_letters():
    drawn = []
    for text in ("U", "Ü", "ß", "Ж", "<", "&"):
        picture = blank(1.0)
        draw_caption(picture, text)
        drawn.append(picture)
    assert all((a != b).any() for a, b in itertools.combinations(drawn, 2))


@pytest.mark.parametrize("size", [(64, 64), (65, 301), (720, 130)])
@pytest.mark.parametrize("text", ["A", "ONE TWO " * 30, "DONAUDAMPFSCHIFFFAHRT" * 9])
def test_a_caption_of_any_length_stays_in_the_picture_and_leaves_its_upper_half(size, text):
    picture = np.full((*size, 3), 180, np.uint8)
    draw_caption(picture, text)
    assert (picture[: size[0] // 2] == 180).all()
    assert (picture == 255).any()


def test_the_newest_words_of_a_long_caption_are_shown():
    pictures = [blank(1.0, 240) for _ in range(3)]
    for picture, text in zip(pictures, ("OLD " * 40 + "NEW", "OLDER " + "OLD " * 39 + "NEW", "OLD " * 40), strict=True):
        draw_caption(picture, text)
    assert (pictures[0] != pictures[2]).any()


def test_characters_without_a_letter_are_named():
    assert undrawable(["KÖNIG", "天气 A"], default_font()) == "天气"
    assert fonts_for(["KÖNIG", "ß"]) == (default_font(),)


def test_an_installed_font_with_more_characters_is_chosen(tmp_path, monkeypatch):
    """A font made for the test that holds two Chinese characters, beside a file that is none."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.ttf").write_bytes(b"no font")
    font(tmp_path / "deep" / "two.ttf", "天气")
    monkeypatch.setattr(drawing, "FONT_FOLDERS", (str(tmp_path),))
    chosen = fonts_for(["天气"])
    assert chosen == (default_font(), tmp_path / "deep" / "two.ttf")
    assert undrawable(["天气"], chosen) == ""
    picture = blank(1.0)
    draw_caption(picture, "天气", chosen)
    assert picture.max() == 255
    assert fonts_for(["天", "KÖNIG"]) == chosen
    assert fonts_for(["天", "雪"], first=chosen[1]) == (chosen[1], default_font())


def test_each_run_of_a_mixed_caption_has_a_font_with_its_characters(tmp_path, monkeypatch):
    """Two fonts of two scripts: neither has the other's characters, nor Latin."""
    chinese, hindi = tmp_path / "chinese.ttf", tmp_path / "hindi.ttf"
    font(chinese, "你好")
    font(hindi, "नमस्ते")
    monkeypatch.setattr(drawing, "FONT_FOLDERS", (str(tmp_path),))
    text = "HELLO 你好 12 नमस्ते"
    fonts = fonts_for([text])
    assert set(fonts) == {default_font(), chinese, hindi}
    assert undrawable([text], fonts) == ""
    found = runs(text, fonts)
    assert [run.strip() for run, _ in found if run.strip()] == ["HELLO", "你好", "12", "नमस्ते"]
    assert "".join(run for run, _ in found) == text
    for run, path in found:
        assert undrawable([run], path) == ""
    mixed, boxes = blank(3.0), blank(3.0)
    draw_caption(mixed, text, fonts)
    draw_caption(boxes, text)
    assert (mixed != boxes).any()


def test_a_mark_stays_in_the_font_of_its_letter(tmp_path):
    font(tmp_path / "a.ttf", "AE")
    font(tmp_path / "b.ttf", "E\u0328")
    fonts = (tmp_path / "a.ttf", tmp_path / "b.ttf")
    assert runs("AE\u0328E", fonts) == [("A", fonts[0]), ("E\u0328", fonts[1]), ("E", fonts[0])]
    assert runs("A\u0328", fonts) == [("A\u0328", fonts[0])]
    assert runs("", fonts) == []


def test_a_caption_of_mixed_scripts_with_the_fonts_that_are_installed():
    text = "HELLO 你好 नमस्ते"
    fonts = fonts_for([text])
    if lacking := undrawable([text], fonts):
        pytest.skip(f"no installed font has {lacking}")
    assert all(undrawable([run], path) == "" for run, path in runs(text, fonts))


def font(path, characters):
    """A font in which every character is a square."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 800), (800, 800), (800, 0)):
        pen.lineTo(corner)
    pen.closePath()
    square = pen.glyph()
    names = [".notdef", *(f"u{ord(character)}" for character in characters)]
    builder = FontBuilder(1000)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(character): f"u{ord(character)}" for character in characters})
    builder.setupGlyf({name: square for name in names})
    builder.setupHorizontalMetrics({name: (1000, 0) for name in names})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Two", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


def test_a_file_that_is_no_font_is_refused_by_name(tmp_path):
    (tmp_path / "no.ttf").write_bytes(b"no font")
    for path in (tmp_path / "no.ttf", Path("gone.ttf")):
        with pytest.raises(UsageError, match=path.name):
            draw_caption(blank(1.0), "A", path)
        with pytest.raises(UsageError, match=path.name):
            undrawable(["A"], path)
