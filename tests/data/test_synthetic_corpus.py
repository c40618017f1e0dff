"""The synthetic corpus: valid, labelled, deterministic, and its raters agree as designed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dance_jax.data import agreement, layout, load, probe, splits, validate_corpus
from dance_jax.data import synthetic_corpus as made
from dance_jax.data.styles import register
from dance_jax.data.synthetic import Skill, generate
from dance_jax.data.synthetic_design import Design, check, dances, true_scores
from dance_jax.data.synthetic_raters import biases, designed_icc, rate
from dance_jax.errors import InputError
from tests.data.folder_digests import digests, furthest
from tests.seeds import fresh

SEEDS = fresh(__name__, 4)
SMALL = made.Design(dancers=4, choreographies=2, seconds=1.0, fps=15.0, seed=SEEDS[0])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "corpus"
    return folder, made.write_corpus(folder, SMALL)


def test_the_validator_finds_no_problem(corpus) -> None:
    folder, _ = corpus
    styles = register().with_added(folder / "styles.json")
    found = validate_corpus.validate(folder, styles=styles)
    assert found.problems == ()
    assert len(found.corpus.clips) == 4 * 4 * 2
    assert not validate_corpus.validate(folder).clean  # no style of the register: it is synthetic


def test_read_back_it_is_what_was_made(corpus) -> None:
    folder, truth = corpus
    assert made.load_truth(folder) == truth
    read, problems = layout.load_corpus(folder)
    assert problems == []
    dances = made.dances(SMALL)
    for column, scores in truth.scores.items():
        clips, raters, table = read.table(column)
        assert raters == tuple(truth.bias)
        true = np.array([scores[clip] for clip in clips])
        left = table - true[:, None] - np.array(list(truth.bias.values()))
        assert np.abs(left).max() < 6 * SMALL.noise_sd
        assert 0.7 < left.std() / SMALL.noise_sd < 1.3
        assert [made.true_scores(dances[clip][0].skill)[column] for clip in clips] == list(true)
    entry = read.clips[5]
    clip = load.load_clip(folder / "pose_data" / entry.pose_file)
    np.testing.assert_array_equal(clip.pose[:, 0], dances[entry.clip][0].pose.astype(np.float32))
    assert probe.probe(entry.path).n_frames == clip.n_frames == 15


def test_groups_can_be_held_out(corpus) -> None:
    read = layout.read_corpus(corpus[0])
    for key, count in (("dancer", 4), ("choreography", 8), ("music", 8), ("source", 32)):
        assert len(set(splits.holdout(read.members(), (key,)).groups.values())) == count


def test_synthetic_is_said_everywhere(corpus) -> None:
    folder, truth = corpus
    assert "SYNTHETIC" in truth.label
    assert "SYNTHETIC" in (folder / "README.txt").read_text()
    assert all("SYNTHETIC" in s["note"] for s in json.loads((folder / "styles.json").read_text()))
    read = layout.read_corpus(folder)
    for entry in read.clips:
        said = (entry.clip, entry.style, entry.licence, entry.consent, *entry.groups.values())
        assert all("synthetic" in text for text in said)
        assert load.load_clip(folder / "pose_data" / entry.pose_file).source["synthetic"] is True
    assert all("synthetic" in rater for rater in read.raters())


def test_equal_designs_give_equal_files(tmp_path) -> None:
    tiny = made.Design(dancers=1, takes=2, styles=("ballet_like",), seconds=0.5, fps=10.0, seed=3)
    made.write_corpus(tmp_path / "a", tiny)
    made.write_corpus(tmp_path / "b", tiny)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert furthest(tmp_path / "a", tmp_path / "b") < 1.0
    takes = [d for d, _ in made.dances(tiny).values()]
    assert np.abs(takes[0].pose - takes[1].pose).max() > 1e-3


def test_rendered_pictures(tmp_path) -> None:
    one = made.Design(
        dancers=1, styles=("hip_hop_like",), takes=2, seconds=0.3, fps=10.0, pictures="rendered"
    )
    made.write_corpus(tmp_path / "c", one)
    for entry in layout.read_corpus(tmp_path / "c").clips:
        assert probe.probe(entry.path).n_frames == 3


def test_one_dancer_keeps_the_body_and_one_choreography_its_steps() -> None:
    seed, other, dancer = SEEDS[:3]
    skill = Skill(0.0, 1.0, 0.0, 0.0)
    a = generate(seed, "walk", 2.0, 10.0, skill=skill, dancer=dancer)
    b = generate(other, "walk", 2.0, 10.0, skill=skill, dancer=dancer)
    c = generate(seed, "walk", 2.0, 10.0, skill=skill)
    assert a.body.height_m == b.body.height_m != c.body.height_m
    assert a.bpm == c.bpm != b.bpm


def test_the_designed_agreement_is_met_as_often_as_the_intervals_say() -> None:
    rng = np.random.default_rng(SEEDS[3])
    inside = dict.fromkeys(("ICC(2,1)", "ICC(3,1)", "ICC(3,k)"), 0)
    far, runs = {form: [] for form in inside}, 300
    for _ in range(runs):
        true = rng.uniform(2, 8, 40)
        bias, noise = biases(int(rng.integers(3, 7)), 0.4), float(rng.uniform(0.4, 1.0))
        designed = designed_icc(true, bias, noise)
        found = agreement.icc(rate(true, bias, noise, rng)[0])
        for form in inside:
            inside[form] += found[form].low <= designed[form] <= found[form].high
            far[form].append(found[form].value - designed[form])
    for form, count in inside.items():
        # 95 % by theory, and more where clips and raters are fixed; 0.90 is 4 deviations below.
        assert count / runs >= 0.90, form
        assert abs(np.mean(far[form])) < 0.02, form


def test_the_corpus_agreement_is_the_designed_one(corpus) -> None:
    folder, truth = corpus
    read = layout.read_corpus(folder)
    for column in made.FORMULA:
        found = agreement.icc(read.table(column)[2], level=0.99999)
        for form, value in truth.icc[column].items():
            assert found[form].low <= value <= found[form].high, (column, form)


def test_biases_have_the_stated_spread() -> None:
    for raters in (2, 3, 7):
        bias = biases(raters, 0.4)
        assert abs(bias.mean()) < 1e-12
        assert bias.std(ddof=1) == pytest.approx(0.4)


@pytest.mark.parametrize(
    "bad",
    [
        {"dancers": 0},
        {"styles": ("polka",)},
        {"pictures": "oil"},
        {"width": 97},
        {"raters": 1},
        {"seed": -1},
    ],
)
def test_bad_designs(tmp_path, bad) -> None:
    with pytest.raises(InputError):
        made.write_corpus(tmp_path / "c", made.Design(**{"seconds": 0.5, "fps": 5.0, **bad}))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="not an empty folder"):
        made.write_corpus(tmp_path, SMALL)
    (tmp_path / "truth.json").write_text("{}")
    with pytest.raises(InputError, match=r"truth\.json"):
        made.load_truth(tmp_path)


def test_a_common_level_makes_the_scores_of_a_take_alike() -> None:
    """And spreads their mean: independent ones average out."""
    spread = []
    for common in (0.0, 1.0):
        design = Design(dancers=30, styles=("ballet_like",), seconds=1.0, fps=10.0, common=common)
        rows = [true_scores(dance.skill) for dance, _ in dances(design).values()]
        four = np.array([[row[k] for k in row if k != "aesthetic_score"] for row in rows])
        inside = four.std(1).max()
        assert inside < 1e-6 if common else inside > 0.5
        spread.append(np.std([row["aesthetic_score"] for row in rows]))
    assert spread[1] > 1.4 * spread[0]
    with pytest.raises(InputError, match="give 0 to 1"):
        check(Design(common=1.5))
