"""The words of signsynth: glosses, and how each is signed; `grammar` makes sentences of them.

Everything here is a constant: the corpus seed decides which sentences are
drawn and how they are signed, never what a gloss looks like.

Space is that of one arm, in metres from the shoulders' midpoint: (out, down,
away), where out points to the arm's own side, and away from the viewer. Both
hands read the same table, so that a left-handed signer is a mirror image.
"""

from dataclasses import dataclass

import numpy as np

# Hand shapes: a letter a finger (index to little), spread, and the thumb.
_CURLS = {"0": (0.0, 0.05), "F": (1.5, 1.65), "C": (0.55, 0.95), "R": (0.85, 0.8), "B": (1.25, 0.1),
          "H": (0.1, 1.5), "O": (0.6, 0.55), "T": (1.0, 0.75), "S": (0.9, 0.25)}  # fmt: skip
_THUMBS = {
    "side": (0.35, 0.3, 0.1), "out": (1.05, 0.1, 0.0), "fist": (0.55, 1.5, 0.75), "palm": (0.75, 1.9, 0.5),
    "round": (0.85, 1.25, 0.35), "pinch": (0.75, 1.35, 0.45),
}  # fmt: skip
_SHAPES = """
    FLAT  0000 0.0 side     FIVE  0000 1.0 out      FIST  FFFF 0.0 fist     THUMB FFFF 0.0 out
    INDEX 0FFF 0.0 fist     VEE   00FF 1.1 fist     DUO   00FF 0.0 fist     THREE 00FF 1.0 out
    FOUR  0000 0.9 palm     HORN  FFF0 0.0 out      LITTLE FFF0 0.0 fist    ELL   0FFF 0.3 out
    CLAW  CCCC 0.9 round    CUP   OOOO 0.1 round    RING  RRRR 0.0 pinch    OKAY  T000 0.8 pinch
    BEAK  SSSS 0.0 pinch    BENT  BBBB 0.0 side     HOOK  HFFF 0.0 fist     PAIR  0FF0 0.4 fist
    EIGHT 0B00 0.8 out      REST  OOOO 0.2 side
"""


def _shapes() -> dict[str, np.ndarray]:
    """Hand shape -> the 12 angles of `signer.hand_points`: four fingers x 2, spread, thumb x 3."""
    words = _SHAPES.split()
    return {
        name: np.array([angle for letter in fingers for angle in _CURLS[letter]] + [float(spread), *_THUMBS[thumb]])
        for name, fingers, spread, thumb in zip(*(words[start::4] for start in range(4)), strict=True)
    }


SHAPES = _shapes()

# Directions in which fingers point and palms look.
DIRECTIONS = {
    "up": (0, -1, 0), "down": (0, 1, 0), "out": (1, 0, 0), "in": (-1, 0, 0), "front": (0, 0, -1), "self": (0, 0, 1),
    "upin": (-0.6, -0.8, -0.2), "upfront": (0, -0.75, -0.65), "infront": (-0.7, 0, -0.7), "inup": (-0.9, -0.4, -0.1),
    "downin": (-0.35, 0.95, 0),
}  # fmt: skip

# Where the middle of the hand is.
LOCATIONS = {
    "forehead": (0.05, -0.32, -0.15), "temple": (0.13, -0.30, -0.11), "nose": (0.03, -0.22, -0.17),
    "cheek": (0.12, -0.19, -0.11), "chin": (0.03, -0.11, -0.16), "throat": (0.02, -0.03, -0.15),
    "chest": (0.05, 0.13, -0.17), "shoulder": (0.16, 0.02, -0.15), "far": (-0.13, 0.08, -0.20),
    "belly": (0.05, 0.32, -0.21), "neutral": (0.14, 0.13, -0.28), "centre": (0.03, 0.15, -0.28),
    "high": (0.20, -0.13, -0.25), "wide": (0.31, 0.08, -0.22), "low": (0.15, 0.30, -0.24), "rest": (0.15, 0.45, -0.13),
}  # fmt: skip


@dataclass(frozen=True)
class Movement:
    """How a hand leaves its location; lengths in metres, angles in radians.

    Attributes:
        seconds: usual duration.
        stroke: straight way, centred on the location.
        bow: sideways bulge of the stroke.
        beat: amplitude of a repeated back and forth, `beats` times.
        circle: radius in the plane of (out, down) or, when `flat`, of (out, away), `beats` turns.
        twist: amplitude of a repeated turn of the forearm, `beats` times.
        wiggle: amplitude of the fingers' play.
    """

    seconds: float
    stroke: tuple[float, float, float] = (0, 0, 0)
    bow: tuple[float, float, float] = (0, 0, 0)
    beat: tuple[float, float, float] = (0, 0, 0)
    beats: float = 0
    circle: float = 0
    flat: bool = False
    twist: float = 0
    wiggle: float = 0


MOVEMENTS = {
    "hold": Movement(0.36),
    "upward": Movement(0.42, stroke=(0, -0.18, 0)),
    "downward": Movement(0.42, stroke=(0, 0.18, 0)),
    "outward": Movement(0.42, stroke=(0.19, 0, 0)),
    "inward": Movement(0.42, stroke=(-0.19, 0, 0)),
    "forward": Movement(0.42, stroke=(0.03, 0.02, -0.20)),
    "backward": Movement(0.42, stroke=(-0.03, -0.02, 0.16)),
    "bridge": Movement(0.50, stroke=(0.20, 0, 0), bow=(0, -0.11, 0)),
    "valley": Movement(0.50, stroke=(0.20, 0, 0), bow=(0, 0.11, 0)),
    "toss": Movement(0.46, stroke=(0.05, 0.06, -0.20), bow=(0, -0.08, 0)),
    "fetch": Movement(0.46, stroke=(0.03, 0.04, 0.18), bow=(0, -0.08, 0)),
    "drop": Movement(0.36, stroke=(0, 0.11, -0.03)),
    "nod": Movement(0.56, beat=(0, 0.05, 0), beats=2),
    "tap": Movement(0.56, beat=(0.01, 0.02, -0.055), beats=2),
    "shake": Movement(0.60, beat=(0.055, 0, 0), beats=2.5),
    "sway": Movement(0.76, beat=(0.12, 0.02, 0), beats=1.5),
    "loop": Movement(0.70, circle=0.065, beats=1.5),
    "stir": Movement(0.70, circle=0.07, beats=1.5, flat=True),
    "zigzag": Movement(0.70, stroke=(0.03, 0.24, 0), beat=(0.07, 0, 0), beats=2),
    "drift": Movement(0.76, stroke=(0.18, 0.02, 0), beat=(0, 0.04, 0), beats=2),
    "twist": Movement(0.60, twist=0.7, beats=2),
    "turn": Movement(0.44, twist=1.2, beats=0.5),
    "wiggle": Movement(0.60, wiggle=0.45, beats=3),
    "rain": Movement(0.66, stroke=(0, 0.20, 0), wiggle=0.45, beats=3),
}

# Mouth shapes: (open, wide, round, press), each about 0 to 1.
VISEMES = {"-": (0, 0, 0, 0), "A": (1, 0.1, 0, 0), "E": (0.5, 0.7, 0, 0), "I": (0.2, 1, 0, 0), "O": (0.65, 0, 0.75, 0),
           "U": (0.2, 0, 1, 0), "M": (0, 0.1, 0.1, 1), "F": (0.15, 0.3, 0, 0.6)}  # fmt: skip


@dataclass(frozen=True)
class Sign:
    """How one gloss is signed; the fields name rows of the tables above.

    Attributes:
        gloss: its name.
        kind: word class, for the grammar.
        hands: "one", "same" (mirrored), "alternate" (mirrored, opposite phase) or the
            shape of the other hand, which then lies below as a base.
        shapes: hand shape at the beginning and at the end.
        fingers: direction in which the fingers point.
        palm: direction in which the palm looks.
        location: place of the hand's middle.
        movement: name of the movement.
        mouth: mouth shapes in turn.
    """

    gloss: str
    kind: str
    hands: str
    shapes: tuple[str, str]
    fingers: str
    palm: str
    location: str
    movement: str
    mouth: str


# gloss, class, hands, shape(>end), fingers/palm, location, movement, mouth.
# Pairs that differ in one column alone: NOW TODAY (movement), TOMORROW YESTERDAY (movement),
# NORTH SOUTH EAST WEST (movement), MOTHER FATHER (location), ONE to FOUR (shape), CLOUD FOG
# (mouth), WARM OVEN (mouth), COLD WINTER (mouth), DRY OLD (location), SEE LOOK (movement),
# COME ARRIVE (shape), KNOW LEARN (shape), WEEK MONTH (shape).
_SIGNS = """
    NOW         TIME   same      BENT       front/up        neutral  drop     A
    TODAY       TIME   same      BENT       front/up        neutral  nod      A
    TOMORROW    TIME   one       THUMB      upfront/in      cheek    toss     OE
    YESTERDAY   TIME   one       THUMB      upfront/in      cheek    fetch    OE
    MORNING     TIME   FLAT      FLAT       infront/self    centre   upward   OE
    NIGHT       TIME   same      FLAT>BENT  upin/self       high     valley   A
    WEEK        TIME   FLAT      INDEX      infront/down    centre   outward  UE
    MONTH       TIME   FLAT      LITTLE     infront/down    centre   outward  UE
    LATER       TIME   FLAT      ELL        upfront/in      neutral  turn     AE
    WINTER      TIME   same      FIST       upfront/in      shoulder shake    IE
    NORTH       PLACE  one       DUO        upfront/front   neutral  upward   O
    SOUTH       PLACE  one       DUO        upfront/front   neutral  downward O
    EAST        PLACE  one       DUO        upfront/front   neutral  outward  O
    WEST        PLACE  one       DUO        upfront/front   neutral  inward   O
    MOUNTAIN    PLACE  same      FLAT       upin/down       high     bridge   EA
    SEA         PLACE  same      FIVE       infront/down    low      drift    E
    CITY        PLACE  alternate BENT       upfront/in      shoulder nod      A
    HOME        PLACE  same      FLAT       upin/in         shoulder drop     AU
    RIVER       PLACE  one       DUO        front/down      low      drift    U
    HERE        PLACE  same      INDEX      downin/self     low      nod      I
    I           PERSON one       INDEX      inup/self       chest    hold     I
    YOU         PERSON one       INDEX      front/down      neutral  hold     U
    WE          PERSON one       INDEX      downin/self     chest    stir     I
    MOTHER      PERSON one       FIVE       upin/in         chin     tap      MA
    FATHER      PERSON one       FIVE       upin/in         forehead tap      MA
    FRIEND      PERSON HOOK      HOOK       infront/down    centre   turn     EF
    CHILD       PERSON one       FLAT       front/down      low      nod      I
    PEOPLE      PERSON alternate HORN       front/down      neutral  stir     EO
    DOCTOR      PERSON FLAT      RING       infront/down    belly    tap      O
    ONE         NUMBER one       INDEX      up/self         shoulder hold     -
    TWO         NUMBER one       VEE        up/self         shoulder hold     -
    THREE       NUMBER one       THREE      up/self         shoulder hold     -
    FOUR        NUMBER one       FOUR       up/self         shoulder hold     -
    MANY        NUMBER same      FIST>FIVE  up/self         neutral  upward   IE
    STRONG      ADJ    same      FIST       up/self         shoulder tap      A
    WEAK        ADJ    FLAT      CLAW       downin/self     centre   nod      UA
    COLD        ADJ    same      FIST       upfront/in      shoulder shake    A
    WARM        ADJ    one       CLAW>FIVE  upin/self       chin     forward  A
    GOOD        ADJ    one       FLAT       upin/self       chin     toss     U
    BAD         ADJ    one       LITTLE     front/in        neutral  downward E
    NEW         ADJ    FLAT      BENT       infront/up      belly    valley   U
    OLD         ADJ    one       HOOK       inup/down       nose     outward  AI
    DRY         ADJ    one       HOOK       inup/down       chin     outward  AI
    WET         ADJ    same      FIVE>BEAK  up/self         neutral  downward E
    LITTLE      ADJ    one       OKAY       front/in        neutral  shake    I
    BEAUTIFUL   ADJ    one       FIVE>RING  up/self         nose     loop     UF
    RAIN        NOUN   same      FIVE       front/down      high     rain     E
    SNOW        NOUN   same      OKAY       front/down      high     rain     E
    SUN         NOUN   one       RING>FIVE  upfront/down    temple   forward  O
    WIND        NOUN   same      FIVE       upfront/in      high     sway     UI
    CLOUD       NOUN   same      CLAW       up/front        high     loop     OU
    FOG         NOUN   same      CLAW       up/front        high     loop     EM
    STORM       NOUN   alternate FIVE       upin/self       high     sway     UO
    THUNDER     NOUN   alternate FIST       front/down      neutral  nod      UA
    ICE         NOUN   same      FIVE>CLAW  front/down      neutral  hold     AI
    WEATHER     NOUN   same      VEE        up/front        neutral  twist    EA
    WATER       NOUN   one       THREE      upin/in         chin     tap      AE
    COFFEE      NOUN   FIST      FIST       infront/self    centre   stir     AE
    OVEN        NOUN   one       CLAW>FIVE  upin/self       chin     forward  OE
    BOOK        NOUN   same      FLAT       front/in        centre   turn     U
    TRAIN       NOUN   DUO       DUO        infront/down    centre   forward  U
    COME        VERB   same      INDEX      up/self         neutral  backward O
    ARRIVE      VERB   same      FLAT       up/self         neutral  backward O
    GO          VERB   one       BENT>FLAT  downin/self     neutral  toss     E
    SEE         VERB   one       VEE        upfront/down    cheek    forward  E
    LOOK        VERB   one       VEE        upfront/down    cheek    stir     E
    KNOW        VERB   one       BENT       upin/self       temple   tap      OI
    LEARN       VERB   one       BEAK       upin/self       temple   tap      OI
    STAY        VERB   one       HORN       front/down      wide     drop     AI
    CHANGE      VERB   alternate HOOK       infront/down    centre   twist    AE
    RISE        VERB   one       FLAT       infront/up      neutral  upward   AI
    FALL        VERB   one       FLAT       infront/down    wide     zigzag   A
    SPREAD      VERB   same      BEAK>FIVE  front/down      centre   outward  EI
    HOPE        VERB   same      PAIR       up/in           temple   shake    OF
    HELP        VERB   FLAT      THUMB      upfront/in      belly    upward   EF
    WORK        VERB   FIST      FIST       front/down      centre   tap      AE
    NOT         END    one       INDEX      up/front        neutral  sway     I
    QUESTION    END    one       HOOK       up/front        wide     drop     A
    MAYBE       END    alternate FLAT       front/up        neutral  nod      EI
    FINISHED    END    same      FIVE       up/self         wide     twist    M
"""


def _signs() -> tuple[Sign, ...]:
    signs = []
    for line in _SIGNS.strip().splitlines():
        gloss, kind, hands, shapes, orientation, location, movement, mouth = line.split()
        begin, _, end = shapes.partition(">")
        signs.append(
            Sign(gloss, kind, hands, (begin, end or begin), *orientation.split("/"), location, movement, mouth)
        )
    return tuple(signs)


SIGNS = _signs()
GLOSSES = tuple(sign.gloss for sign in SIGNS)
SIGN_OF = {sign.gloss: sign for sign in SIGNS}
