"""Joint and marker names of motion-capture programs, as data, and what they are in HALPE-26.

The same word means different places in different programs: in BVH files of Mixamo, CMU or LAFAN1
"LeftArm" begins at the shoulder joint and "LeftShoulder" at the collar bone; in Kinect or SMPL
"left_shoulder" is the shoulder joint. So a list of names is read as one naming (a dialect) as a
whole, and a list that fits two namings in contradicting ways is not read at all.
"""

from __future__ import annotations

# A row: `HALPE-26 joint: names | names`, the first alternative that is there is taken; "a+b" is the
# mean of two; "~" says how the place differs. "L." stands for any way to write the dancer's left;
# the right joints follow by themselves. Spelling: small letters, no separators.
_FEET = """left_heel: L.heel | L.calcaneus; left_small_toe: L.smalltoe | L.littletoe;"""

DIALECTS: dict[str, tuple[str, str]] = {
    "joints": (
        "names of the joints (SMPL, Kinect, Human3.6M, OpenPose, Pose2Sim)",
        _FEET
        + """nose: nose; left_eye: L.eye; left_ear: L.ear; head: headtop | htop | head ~ joint or
        marker named head, which may lie below the vertex;
        left_shoulder: L.shoulder | L.shoulderjoint; left_elbow: L.elbow | L.elbowjoint;
        left_wrist: L.wrist | L.wristjoint | L.hand ~ joint named hand;
        left_hip: L.hip; left_knee: L.knee; left_ankle: L.ankle | L.foot ~ joint named foot;
        left_big_toe: L.bigtoe | L.footindex | L.toe | L.toes | L.toebase ~ base of the toes |
        L.foot ~ middle or ball of the foot;
        hip: pelvis ~ pelvis joint | midhip | root ~ root joint | hips ~ pelvis joint""",
    ),
    "segments": (
        "names of the bones that begin at the joints (Mixamo, CMU, LAFAN1, Bandai-Namco, "
        "Perception Neuron, Unity, Unreal, Poser, 3ds Max, Theia)",
        """left_shoulder: L.arm | L.upperarm | L.uparm | L.uarm | L.shldr | L.humerus;
        left_elbow: L.forearm | L.lowerarm | L.lowarm | L.larm; left_wrist: L.hand;
        left_hip: L.upleg | L.upperleg | L.thigh; left_ankle: L.foot;
        left_knee: L.leg | L.lowerleg | L.lowleg | L.shin | L.calf | L.shank;
        left_big_toe: L.toetip | L.toeend ~ end of the toe bone | L.toebase ~ base of the toes |
        L.toe ~ base of the toes | L.toes ~ base of the toes | L.ball ~ base of the toes |
        L.toe0 ~ base of the toes; left_eye: L.eye;
        head: headtopend | headtop | head ~ joint at the skull's base, not the vertex |
        chead ~ joint at the skull's base, not the vertex;
        hip: hips ~ pelvis joint | hip ~ pelvis joint | pelvis ~ pelvis joint""",
    ),
    "plugin_gait": (
        "Vicon Plug-in Gait markers",
        """left_shoulder: L.sjc | L.sho ~ marker on the acromion;
        left_elbow: L.ejc | L.elb ~ marker on the lateral epicondyle;
        left_wrist: L.wjc | L.wra+L.wrb; left_hip: L.hjc;
        left_knee: L.kjc | L.kne+L.mkne | L.kne ~ marker on the lateral side of the knee;
        left_ankle: L.ajc | L.ank+L.mank | L.ank ~ marker on the lateral malleolus;
        left_big_toe: L.toe ~ marker on the second metatarsal head;
        left_heel: L.hee ~ marker on the heel;
        head: L.fhd+R.fhd+L.bhd+R.bhd ~ mean of the four head markers, below the vertex""",
    ),
    "rajagopal": (
        "OpenSim markers of Rajagopal et al. 2016",
        """left_shoulder: L.sjc | L.acr ~ marker on the acromion; left_elbow: L.ejc | L.lel+L.mel;
        left_wrist: L.wjc | L.faradius+L.faulna; left_hip: L.hjc;
        left_knee: L.kjc | L.lfc+L.mfc; left_ankle: L.ajc | L.lmal+L.mmal;
        left_big_toe: L.toe ~ marker on the toe; left_heel: L.cal ~ marker on the heel;
        left_small_toe: L.mt5 ~ marker on the fifth metatarsal head; head: htop""",
    ),
    "opencap": (
        "OpenCap and Pose2Sim augmented markers",
        """left_shoulder: L.shoulderstudy ~ marker on the acromion;
        left_elbow: L.lelbowstudy+L.melbowstudy; left_wrist: L.lwriststudy+L.mwriststudy;
        left_hip: L.hjcstudy; left_knee: L.kneestudy+L.mkneestudy;
        left_ankle: L.anklestudy+L.manklestudy; left_heel: L.calcstudy ~ marker on the heel;
        left_big_toe: L.toestudy ~ marker on the toe;
        left_small_toe: L.5metastudy ~ marker on the fifth metatarsal""",
    ),
}
