"""Joint and marker names as motion-capture programs write them, and what their limbs are."""

from __future__ import annotations


def sides(pattern, stems, middle=()):
    """Returns names on both sides; {S} is Left, {s} left, {L} L, {l} l and {n} the stem."""
    rows = []
    for side in ("left", "right"):
        words = {"S": side.capitalize(), "s": side, "L": side[0].upper(), "l": side[0]}
        rows += [pattern.format(n=stem, **words) for stem in stems]
    return [*middle, *rows]


GAIT = "SHO ELB WJC HJC KNE ANK HEE TOE ASI PSI FHD BHD"
OPENSIM = "ACR SJC EJC LEL MEL WJC FAradius FAulna HJC KJC LFC AJC CAL MT5"
ARM, LEG = ("Arm", "ForeArm", "Hand"), ("UpLeg", "Leg", "Foot")
WORDS = ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle")
# program -> (names, stems of shoulder elbow wrist hip knee ankle as the left name, dialect)
PROGRAMS = {
    "mixamo": (
        sides("mixamorig:{S}{n}", ("Shoulder", *ARM, *LEG, "ToeBase"), ["mixamorig:Hips"]),
        [f"mixamorig:Left{n}" for n in (*ARM, *LEG)],
        "segments",
    ),
    "mixamo_plain": (
        sides("mixamorig{S}{n}", ("Shoulder", *ARM, *LEG)),
        [f"mixamorigLeft{n}" for n in (*ARM, *LEG)],
        "segments",
    ),
    "lafan1": (
        sides("{S}{n}", ("Shoulder", *ARM, *LEG, "Toe"), ["Hips", "Spine", "Neck", "Head"]),
        [f"Left{n}" for n in (*ARM, *LEG)],
        "segments",
    ),
    "cmu": (
        sides(
            "{S}{n}",
            ("Shoulder", *ARM, "FingerBase", *LEG, "ToeBase"),
            ["LHipJoint", "RHipJoint", "LThumb", "RThumb", "Hips", "Neck1"],
        ),
        [f"Left{n}" for n in (*ARM, *LEG)],
        "segments",
    ),
    "perception_neuron": (
        sides("Robot_{S}{n}", ("Shoulder", *ARM, *LEG), ["Robot_Hips", "Robot_Spine3"]),
        [f"Robot_Left{n}" for n in (*ARM, *LEG)],
        "segments",
    ),
    "bandai_raw": (
        sides(
            "{n}_{L}",
            ("Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "Toes"),
            ["joint_Root", "Hips", "Chest"],
        ),
        ["UpperArm_L", "LowerArm_L", "Hand_L", "UpperLeg_L", "LowerLeg_L", "Foot_L"],
        "segments",
    ),
    "unreal": (
        sides(
            "{n}_{l}",
            ("clavicle", "upperarm", "lowerarm", "hand", "thigh", "calf", "foot", "ball"),
            ["pelvis", "spine_01", "neck_01", "head"],
        ),
        ["upperarm_l", "lowerarm_l", "hand_l", "thigh_l", "calf_l", "foot_l"],
        "segments",
    ),
    "biped": (
        sides(
            "Bip01 {L} {n}",
            ("Clavicle", "UpperArm", "Forearm", "Hand", "Thigh", "Calf", "Foot", "Toe0"),
            ["Bip01", "Bip01 Pelvis", "Bip01 Head"],
        ),
        [f"Bip01 L {n}" for n in ("UpperArm", "Forearm", "Hand", "Thigh", "Calf", "Foot")],
        "segments",
    ),
    "poser": (
        sides("{l}{n}", ("Collar", "Shldr", "ForeArm", "Hand", "Thigh", "Shin", "Foot"), ["hip"]),
        ["lShldr", "lForeArm", "lHand", "lThigh", "lShin", "lFoot"],
        "segments",
    ),
    "theia": (
        sides("{l}_{n}_4X4", ("uarm", "larm", "hand", "thigh", "shank", "foot", "toes")),
        [f"l_{n}_4X4" for n in ("uarm", "larm", "hand", "thigh", "shank", "foot")],
        "segments",
    ),
    "h36m": (
        sides("{L}{n}", ("Hip", "Knee", "Foot", "Shoulder", "Elbow", "Wrist"), ["Hip", "Thorax"]),
        ["LShoulder", "LElbow", "LWrist", "LHip", "LKnee", "LFoot"],
        "joints",
    ),
    "pose2sim": (
        sides("{L}{n}", (*WORDS, "BigToe", "SmallToe", "Heel"), ["Hip", "Neck", "Head", "Nose"]),
        [f"L{n}" for n in WORDS],
        "joints",
    ),
    "smplh": (
        sides("{s}_{n}", (*(w.lower() for w in WORDS), "collar", "foot", "index1"), ["pelvis"]),
        [f"left_{n.lower()}" for n in WORDS],
        "joints",
    ),
    "kinect_part": (
        sides("{n}{S}", (*WORDS, "Hand", "Foot"), ["SpineBase", "Head"]),
        [f"{n}Left" for n in WORDS],
        "joints",
    ),
    "rajagopal": (
        sides("{L}{n}", OPENSIM.split()),
        ["LSJC", "LEJC", "LWJC", "LHJC", "LKJC", "LAJC"],
        "rajagopal",
    ),
    "plugin_gait": (
        sides("{L}{n}", GAIT.split(), ["C7", "T10"]),
        ["LSHO", "LELB", "LWJC", "LHJC", "LKNE", "LANK"],
        "plugin_gait",
    ),
}
