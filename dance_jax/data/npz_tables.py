"""What public npz collections are: layout, skeleton, unit, axes and rate, which they do not hold.

Each is told by the shape of its arrays and the columns of the table beside it; the facts are those
of the recordings' own descriptions.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Collection:
    """One layout of arrays with a table of clips.

    Attributes:
        name: short name.
        title: for people.
        columns: the table has at least these.
        arrays: names in the npz, "{key}" is the clip's; of two, the second is the root's path.
        skeleton: of the arrays' joints.
        shape: (joints, numbers a joint) of the first array.
        key: the columns whose words, joined by "/", name a clip; the first fills "{key}".
        rows: columns of a clip's first row and number of rows in the one array; () where each clip
            has its own array.
        count: the column that repeats the number of frames; "" without one.
        unit: "px", "picture" (parts of a picture), or "m".
        scale: metres of one unit of the file.
        turn: where our x, y, z come from: ("x", "z", "-y") turns z up to y up.
        score: what the last number of a joint is: "visibility", "flag" (0, 1, 2), or "" for none.
        rate: frames per second; None where the table has a column "fps" or "seconds", or nobody
            knows it.
        size: (width, height) of the picture; None where the table has it, or nobody knows it.
        assumed: what of this is a guess, as a sentence.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    arrays: tuple[str, ...]
    skeleton: str
    shape: tuple[int, int]
    key: tuple[str, ...]
    rows: tuple[str, ...] = ()
    count: str = ""
    unit: str = "m"
    scale: float = 1.0
    turn: tuple[str, str, str] = ("x", "y", "z")
    score: str = ""
    rate: float | None = None
    size: tuple[int, int] | None = None
    assumed: str = ""


COLLECTIONS = (
    Collection(
        name="streetdance4",
        title="street dance, MediaPipe landmarks",
        columns=("clip", "label_id", "style", "source_video", "start_frame", "length", "fps"),
        arrays=("lm",),
        skeleton="mediapipe33",
        shape=(33, 4),
        key=("clip",),
        rows=("start_frame", "length"),
        unit="picture",
        score="visibility",
    ),
    Collection(
        name="vn_dance_trends",
        title="dance trends, MediaPipe landmarks",
        columns=("video", "trend", "start_frame", "length"),
        arrays=("lm",),
        skeleton="mediapipe33",
        shape=(33, 4),
        key=("video",),
        rows=("start_frame", "length"),
        unit="picture",
        score="visibility",
        rate=30.0,
        size=(576, 1024),
        assumed="30 frames/s and an upright 9:16 picture are assumed, the files do not say them; "
        "frames without a person were left out by their makers, so times run on over gaps",
    ),
    Collection(
        name="bandai_namco_style",
        title="Bandai-Namco motions, joints from BVH",
        columns=("name", "dataset", "content", "style", "start", "length", "fps"),
        arrays=("rel", "root"),
        skeleton="bandai21",
        shape=(21, 3),
        key=("name",),
        rows=("start", "length"),
        scale=0.01,
    ),
    Collection(
        name="tang2018_ballroom3d",
        title="ballroom motion capture (Tang, Jia, Mao 2018)",
        columns=("name", "style", "frames", "seconds"),
        arrays=("{key}_rel", "{key}_root"),
        skeleton="tang21",
        shape=(21, 3),
        key=("name",),
        count="frames",
        scale=0.01,
    ),
    Collection(
        name="fs_jump3d",
        title="FS-Jump3D, figure-skating jumps",
        columns=("key", "skater", "jump", "frames"),
        arrays=("{key}",),
        skeleton="h36m17",
        shape=(17, 3),
        key=("key",),
        count="frames",
        scale=0.001,
        turn=("x", "z", "-y"),
        rate=60.0,
    ),
    Collection(
        name="irds_rehab",
        title="IntelliRehabDS, Kinect v2 joints",
        columns=("key", "subject", "gesture", "frames"),
        arrays=("{key}",),
        skeleton="kinect25",
        shape=(25, 3),
        key=("key",),
        count="frames",
        # A Kinect's x goes to its own left and z away from it.
        turn=("-x", "y", "-z"),
        rate=30.0,
    ),
    Collection(
        name="skijump_judged",
        title="ski jumps with judges' marks",
        columns=("ID", "frames", "first_frame", "judgeA"),
        arrays=("{key}_kp",),
        skeleton="skijump23",
        shape=(23, 3),
        key=("ID",),
        count="frames",
        unit="px",
        score="flag",
    ),
)
