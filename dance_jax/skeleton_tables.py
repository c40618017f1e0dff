"""Joint names, parents and correspondences of every skeleton, as data.

A row is one joint in the order of its format: `name_in_our_words parent [name in the files]`.
Left and right are the dancer's own. "-" stands for "no parent".
"""

from __future__ import annotations

_LIMB_ROWS = """
left_shoulder neck; right_shoulder neck; left_elbow left_shoulder; right_elbow right_shoulder;
left_wrist left_elbow; right_wrist right_elbow; left_hip hip; right_hip hip; left_knee left_hip;
right_knee right_hip; left_ankle left_knee; right_ankle right_knee;"""

TABLES: dict[str, tuple[str, str]] = {
    "halpe26": (
        "nose head; left_eye nose; right_eye nose; left_ear left_eye; right_ear right_eye;"
        + _LIMB_ROWS
        + """head neck; neck hip; hip -; left_big_toe left_ankle; right_big_toe right_ankle;
        left_small_toe left_ankle; right_small_toe right_ankle; left_heel left_ankle;
        right_heel right_ankle""",
        "Halpe-FullBody, 26 keypoints (Fang et al., AlphaPose); order of its README",
    ),
    "coco17": (
        """nose -; left_eye nose; right_eye nose; left_ear left_eye; right_ear right_eye;
        left_shoulder nose; right_shoulder nose; left_elbow left_shoulder;
        right_elbow right_shoulder; left_wrist left_elbow; right_wrist right_elbow;
        left_hip left_shoulder; right_hip right_shoulder; left_knee left_hip; right_knee right_hip;
        left_ankle left_knee; right_ankle right_knee""",
        "COCO keypoints; AIST++ uses the same order",
    ),
    "mediapipe33": (
        """nose -; left_eye_inner nose; left_eye left_eye_inner; left_eye_outer left_eye;
        right_eye_inner nose; right_eye right_eye_inner; right_eye_outer right_eye;
        left_ear left_eye_outer; right_ear right_eye_outer; left_mouth nose mouth_left;
        right_mouth nose mouth_right; left_shoulder nose; right_shoulder nose;
        left_elbow left_shoulder; right_elbow right_shoulder; left_wrist left_elbow;
        right_wrist right_elbow; left_pinky left_wrist; right_pinky right_wrist;
        left_index left_wrist; right_index right_wrist; left_thumb left_wrist;
        right_thumb right_wrist; left_hip left_shoulder; right_hip right_shoulder;
        left_knee left_hip; right_knee right_hip; left_ankle left_knee; right_ankle right_knee;
        left_heel left_ankle; right_heel right_ankle; left_foot_index left_ankle;
        right_foot_index right_ankle""",
        "BlazePose / MediaPipe Pose landmarks",
    ),
    "body25": (
        """nose neck Nose; neck mid_hip Neck; right_shoulder neck RShoulder;
        right_elbow right_shoulder RElbow; right_wrist right_elbow RWrist;
        left_shoulder neck LShoulder; left_elbow left_shoulder LElbow; left_wrist left_elbow LWrist;
        mid_hip - MidHip; right_hip mid_hip RHip; right_knee right_hip RKnee;
        right_ankle right_knee RAnkle; left_hip mid_hip LHip; left_knee left_hip LKnee;
        left_ankle left_knee LAnkle; right_eye nose REye; left_eye nose LEye;
        right_ear right_eye REar; left_ear left_eye LEar; left_big_toe left_ankle LBigToe;
        left_small_toe left_ankle LSmallToe; left_heel left_ankle LHeel;
        right_big_toe right_ankle RBigToe; right_small_toe right_ankle RSmallToe;
        right_heel right_ankle RHeel""",
        "OpenPose BODY_25, output documentation of OpenPose",
    ),
    "smpl24": (
        """pelvis -; left_hip pelvis; right_hip pelvis; spine1 pelvis; left_knee left_hip;
        right_knee right_hip; spine2 spine1; left_ankle left_knee; right_ankle right_knee;
        spine3 spine2; left_foot left_ankle; right_foot right_ankle; neck spine3;
        left_collar spine3; right_collar spine3; head neck; left_shoulder left_collar;
        right_shoulder right_collar; left_elbow left_shoulder; right_elbow right_shoulder;
        left_wrist left_elbow; right_wrist right_elbow; left_hand left_wrist;
        right_hand right_wrist""",
        "SMPL body model, 24 joints (Loper et al. 2015); AIST++ motions",
    ),
    "h36m17": (
        """pelvis -; right_hip pelvis; right_knee right_hip; right_ankle right_knee;
        left_hip pelvis; left_knee left_hip; left_ankle left_knee; spine pelvis; thorax spine;
        nose thorax; head nose; left_shoulder thorax; left_elbow left_shoulder;
        left_wrist left_elbow; right_shoulder thorax; right_elbow right_shoulder;
        right_wrist right_elbow""",
        "Human3.6M, 17 joints; FS-Jump3D (order checked on its data: left/right by the nose)",
    ),
    "kinect25": (
        """spine_base - SpineBase; spine_mid spine_base SpineMid; neck spine_shoulder Neck;
        head neck Head; left_shoulder spine_shoulder ShoulderLeft;
        left_elbow left_shoulder ElbowLeft; left_wrist left_elbow WristLeft;
        left_hand left_wrist HandLeft; right_shoulder spine_shoulder ShoulderRight;
        right_elbow right_shoulder ElbowRight; right_wrist right_elbow WristRight;
        right_hand right_wrist HandRight; left_hip spine_base HipLeft; left_knee left_hip KneeLeft;
        left_ankle left_knee AnkleLeft; left_foot left_ankle FootLeft;
        right_hip spine_base HipRight; right_knee right_hip KneeRight;
        right_ankle right_knee AnkleRight; right_foot right_ankle FootRight;
        spine_shoulder spine_mid SpineShoulder; left_hand_tip left_hand HandTipLeft;
        left_thumb left_wrist ThumbLeft; right_hand_tip right_hand HandTipRight;
        right_thumb right_wrist ThumbRight""",
        "Kinect v2 body joints; IntelliRehabDS",
    ),
    "tang21": (
        """hip -; chest hip; head chest; right_shoulder chest; right_elbow right_shoulder;
        right_wrist right_elbow; right_hand right_wrist; right_hip hip; right_knee right_hip;
        right_ankle right_knee; right_foot right_ankle; right_toe right_foot; left_shoulder chest;
        left_elbow left_shoulder; left_wrist left_elbow; left_hand left_wrist; left_hip hip;
        left_knee left_hip; left_ankle left_knee; left_foot left_ankle; left_toe left_foot""",
        "Tang, Jia, Mao 2018, Dance with Melody (ballroom motion capture, y up)",
    ),
    "bandai21": (
        """hips - Hips; spine hips Spine; chest spine Chest; neck chest Neck; head neck Head;
        left_collar chest Shoulder_L; left_shoulder left_collar UpperArm_L;
        left_elbow left_shoulder LowerArm_L; left_wrist left_elbow Hand_L;
        right_collar chest Shoulder_R; right_shoulder right_collar UpperArm_R;
        right_elbow right_shoulder LowerArm_R; right_wrist right_elbow Hand_R;
        left_hip hips UpperLeg_L; left_knee left_hip LowerLeg_L; left_ankle left_knee Foot_L;
        left_toes left_ankle Toes_L; right_hip hips UpperLeg_R; right_knee right_hip LowerLeg_R;
        right_ankle right_knee Foot_R; right_toes right_ankle Toes_R""",
        "Bandai-Namco Research Motion Dataset (BVH joints, y up)",
    ),
    "skijump23": (
        """head neck 1; left_shoulder neck 6; right_shoulder neck 3; right_elbow right_shoulder 4;
        right_wrist right_elbow 5; left_elbow left_shoulder 7; left_wrist left_elbow 8; hip - 9;
        left_hip hip 10; left_knee left_hip 11; left_ankle left_knee 12; right_hip hip 17;
        right_knee right_hip 18; right_ankle right_knee 19; right_ski_front right_ankle 20;
        right_ski_rear right_ankle 21; left_ski_front left_ankle 13; left_ski_rear left_ankle 14;
        neck hip 2; left_ski_tip left_ski_front 16; left_ski_tail left_ski_rear 15;
        right_ski_tail right_ski_rear 22; right_ski_tip right_ski_front 23""",
        "SkiProject-SportTech ski jumps; sides checked on its front and back views",
    ),
    "folkdance10": (
        """left_hip - LEFT_HIP; right_hip left_hip RIGHT_HIP; left_knee left_hip LEFT_KNEE;
        right_knee right_hip RIGHT_KNEE; left_ankle left_knee LEFT_ANKLE;
        right_ankle right_knee RIGHT_ANKLE; left_heel left_ankle LEFT_HEEL;
        right_heel right_ankle RIGHT_HEEL; left_foot_index left_ankle LEFT_FOOT_INDEX;
        right_foot_index right_ankle RIGHT_FOOT_INDEX""",
        "folk-dance-recognition (Serbian steps): lower-body MediaPipe landmarks, hip-centred",
    ),
}

# Extra drawn bones that are not parent links (closing the trunk of rootless formats).
EXTRA_BONES: dict[str, tuple[tuple[str, str], ...]] = {
    "coco17": (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
    "mediapipe33": (
        ("left_shoulder", "right_shoulder"),
        ("left_hip", "right_hip"),
        ("left_mouth", "right_mouth"),
        ("left_heel", "left_foot_index"),
        ("right_heel", "right_foot_index"),
    ),
    "halpe26": (("left_heel", "left_big_toe"), ("right_heel", "right_big_toe")),
}

_SHOULDERS = ("left_shoulder", "right_shoulder")
_HIPS = ("left_hip", "right_hip")


def _both(left: str, *sources: str) -> dict[str, tuple[str, ...]]:
    """Returns the rule for a left joint and its right counterpart."""
    right = left.replace("left_", "right_")
    return {left: sources, right: tuple(s.replace("left_", "right_") for s in sources)}


# HALPE-26 joint <- mean of joints of the source. Joints of equal name need no row. () = drop: the
# source's joint of that name is another place. A motion-capture "neck" is the base of the neck,
# above the shoulder line on which the canon puts it: the mean of the shoulders is taken instead.
TO_HALPE: dict[str, dict[str, tuple[str, ...]]] = {
    "coco17": {"neck": _SHOULDERS, "hip": _HIPS},
    "mediapipe33": {"neck": _SHOULDERS, "hip": _HIPS, **_both("left_big_toe", "left_foot_index")},
    "body25": {"hip": ("mid_hip",)},
    "smpl24": {"neck": _SHOULDERS, "hip": ("pelvis",), **_both("left_big_toe", "left_foot")},
    "h36m17": {"neck": _SHOULDERS, "hip": ("pelvis",)},
    "kinect25": {"neck": _SHOULDERS, "hip": ("spine_base",), **_both("left_big_toe", "left_foot")},
    "tang21": {"neck": _SHOULDERS, **_both("left_big_toe", "left_toe")},
    "bandai21": {"neck": _SHOULDERS, "hip": ("hips",), **_both("left_big_toe", "left_toes")},
    "folkdance10": {"hip": _HIPS, **_both("left_big_toe", "left_foot_index")},
}

# Joint of another skeleton <- mean of HALPE-26 joints, where the place is the same. () = drop.
FROM_HALPE: dict[str, dict[str, tuple[str, ...]]] = {
    "mediapipe33": _both("left_foot_index", "left_big_toe"),
    "body25": {"mid_hip": ("hip",)},
    "smpl24": {"pelvis": ("hip",), "neck": (), "head": (), **_both("left_foot", "left_big_toe")},
    "h36m17": {"pelvis": ("hip",), "thorax": ("neck",)},
    "kinect25": {
        "spine_base": ("hip",),
        "spine_shoulder": ("neck",),
        "neck": (),
        "head": (),
        **_both("left_foot", "left_big_toe"),
    },
    "tang21": {"head": (), **_both("left_toe", "left_big_toe")},
    "bandai21": {"hips": ("hip",), "neck": (), "head": (), **_both("left_toes", "left_big_toe")},
    "folkdance10": _both("left_foot_index", "left_big_toe"),
}

# HALPE-26 joints that a source gives only nearly: the place differs by some centimetres.
APPROXIMATE: dict[str, dict[str, str]] = {
    "smpl24": {
        "head": "joint at the skull's base, not the vertex",
        "hip": "pelvis joint, some cm above the mid-point of the hips",
        "left_big_toe": "ball of the foot",
        "right_big_toe": "ball of the foot",
    },
    "kinect25": {
        "head": "centre of the head, not the vertex",
        "left_big_toe": "middle of the foot",
        "right_big_toe": "middle of the foot",
    },
    "tang21": {
        "head": "joint inside the head, not the vertex",
        "right_wrist": "marker on the forearm: 11 cm from the elbow, against 17 cm on the left",
    },
    "bandai21": {
        "head": "joint at the skull's base, not the vertex",
        "hip": "pelvis joint, about 2 cm above the mid-point of the hips",
        "left_big_toe": "base of the toes",
        "right_big_toe": "base of the toes",
    },
}
