"""Teacher against student: the same dance laid side by side, and where the two differ.

python -m dance_jax.launch --config=configs/compare.py --config.teacher=teacher.mp4 \
  --config.student=student.mp4 --workdir=out/compare

Only differences above the smallest that can be told from repeated recordings are marked. Where the
two do not do the same movement, the report says so and compares no moment.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """Returns the default config."""
    config = config_dict.ConfigDict()
    config.task = "compare"

    # Who is compared with whom.
    config.teacher = ""
    config.student = ""
    config.teacher_person = "largest"  # largest | the number in the report's table of people
    config.student_person = "largest"
    config.teacher_start_s = config_dict.placeholder(float)
    config.teacher_end_s = config_dict.placeholder(float)
    config.student_start_s = config_dict.placeholder(float)
    config.student_end_s = config_dict.placeholder(float)

    # How they are laid beside each other.
    config.mirrored = "auto"  # auto | yes | no: the student copies the mirror image
    config.window_s = 1.0  # how far the student may be early or late about the steady tempo
    config.same_dance = False  # True: known, not tested

    # How the pose is estimated and cleaned; as configs/analyze.py.
    config.fps = config_dict.placeholder(float)
    config.estimator = "auto"
    config.allow_unknown_model = False
    config.model = ""
    config.executor = "auto"
    config.num_people = 4
    config.min_confidence = 0.5
    config.filter_cutoff_hz = 6.0

    # What is written.
    config.video = True  # compare.mp4: both side by side, on the teacher's clock
    config.overlay = True
    config.overlay_height = 540
    config.blur_faces = False
    config.plots = True
    config.report = True
    return config.lock()
