"""Annotation tables and folder layouts, right ones and wrong ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dance_jax.data.layout import find_layout, load_corpus, media_files, read_corpus
from dance_jax.data.sheet import number, read_sheet
from dance_jax.errors import InputError

SEED_HEADER = "video_file,aesthetic_score,style,fluidity,expressiveness,precision"


def made(root, table: str | bytes, *videos: str, name="annotations/all.csv"):
    """A corpus with empty files for videos; reading annotations opens none."""
    for video in videos:
        (root / "videos" / video).parent.mkdir(parents=True, exist_ok=True)
        (root / "videos" / video).write_bytes(b"")
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(table if isinstance(table, bytes) else table.encode())
    return root


def kinds(problems, level=None):
    return sorted(p.kind for p in problems if level in (None, p.level))


def test_the_seeds_example(tmp_path) -> None:
    made(
        tmp_path / "data",
        f"{SEED_HEADER}\ndance_001.mp4,8.5,ballet,0.85,0.90,0.88\n",
        "dance_001.mp4",
    )
    corpus, problems = load_corpus(tmp_path)  # the folder above `data` will do
    assert problems == [] and corpus.layout == "annotations"
    (clip,) = corpus.clips
    assert (clip.clip, clip.style, clip.part) == ("dance_001.mp4", "ballet", "")
    assert clip.path == tmp_path / "data" / "videos" / "dance_001.mp4"
    (rating,) = corpus.ratings
    assert rating.scores == {
        **{"aesthetic_score": 8.5, "fluidity": 0.85},
        **{"expressiveness": 0.90, "precision": 0.88},
    }
    assert corpus.scales == {
        **{"aesthetic_score": 10.0, "fluidity": 1.0},
        **{"expressiveness": 1.0, "precision": 1.0},
    }
    assert corpus.mean_scores("fluidity") == {"dance_001.mp4": 8.5}
    assert corpus.given() is None and corpus.members()[0].label == "ballet"


def test_several_raters_and_all_columns(tmp_path) -> None:
    header = (
        "video_file,aesthetic_score,style,rater_id,dancer_id,choreography_id,music_id,camera,fps,"
        "license,consent,mocap_file,pose_file,biomech_score,weather"
    )
    rows = [
        "a.mp4,8,waltz,r1,d1,c1,m1,front,25,CC BY,yes,a.bvh,a.json,0.5,rain",
        "a.mp4,6,,r2,,,,,,,,,,,",
        "b.mp4,4.5,waltz,r2,d2,c1,m1,side,29.97,CC BY,yes,,,,",
    ]
    made(tmp_path, "\n".join([header, *rows]), "a.mp4", "b.mp4")
    corpus, problems = load_corpus(tmp_path)
    assert kinds(problems) == ["extra column"]
    clips, raters, table = corpus.table("aesthetic_score")
    assert (clips, raters) == (("a.mp4", "b.mp4"), ("r1", "r2")) == (clips, corpus.raters())
    assert np.array_equal(table, [[8, 6], [np.nan, 4.5]], equal_nan=True)
    first = corpus.clips[0]
    assert first.groups == {
        **{"dancer": "d1", "choreography": "c1", "music": "m1"},
        **{"source": "", "camera": "front"},
    }
    assert (first.fps, first.licence, first.consent) == (25.0, "CC BY", "yes")
    assert (first.mocap_file, first.pose_file, first.extra) == (
        "a.bvh",
        "a.json",
        {"weather": "rain"},
    )


def test_every_fault_of_a_table_is_told_in_one_pass(tmp_path) -> None:
    rows = [
        "video_file,aesthetic_score,style,rater_id,fluidity",
        "a.mp4,11,waltz,r1,3",
        "a.mp4,7,tango,r1,4",
        "b.mp4,high,waltz,r1,nan",
        "c.mp4,5,waltz,r1,0.5",
        "../up.mp4,5,waltz,r1,0.5",
        ",5,waltz,r1,0.4",
        "d.mp4,5,waltz",
        "a.mp4,-1,waltz,r2,0.3",
    ]
    made(tmp_path, "\n".join(rows), "a.mp4", "b.mp4")
    corpus, problems = load_corpus(tmp_path)
    assert kinds(problems, "error") == sorted(
        [
            *("score out of range", "score out of range", "duplicate row", "different labels"),
            *("not a number", "not a number", "missing file", "outside the corpus", "no video"),
            "broken row",
        ]
    )
    assert kinds(problems, "warning") == []
    places = {(p.kind, p.where.rsplit(":", 1)[1], p.column) for p in problems}
    assert ("score out of range", "2", "aesthetic_score") in places
    assert ("not a number", "4", "fluidity") in places and ("broken row", "8", "") in places
    assert len(corpus.clips) == 3
    with pytest.raises(InputError, match=r"all\.csv:"):
        read_corpus(tmp_path)


def test_excel_exports_are_read_and_told(tmp_path) -> None:
    text = "video_file;aesthetic_score;style\r\ná.mp4;8,5;tango\r\n"
    made(tmp_path, text.encode("utf-8-sig"), "á.mp4")
    corpus, problems = load_corpus(tmp_path)
    assert kinds(problems, "note") == [
        "CRLF line ends",
        "byte order mark",
        "not separated by commas",
    ]
    assert len(problems) == 3 and corpus.ratings[0].scores == {"aesthetic_score": 8.5}
    made(tmp_path, text.encode("cp1252"))
    corpus, problems = load_corpus(tmp_path)
    assert kinds(problems, "error") == ["not UTF-8"] and corpus.clips[0].clip == "á.mp4"
    made(tmp_path, text.encode("utf-16"))
    assert kinds(load_corpus(tmp_path)[1], "error") == ["not UTF-8"]
    for broken, says in ((b"\0\1\2" * 50, "no text table"), (b"\n\n", "no header")):
        made(tmp_path, broken)
        with pytest.raises(InputError, match=says):
            load_corpus(tmp_path)


@pytest.mark.parametrize(
    ("header", "level", "text"),
    [
        ("vidoe_file,style", "error", "there is no video_file"),
        ("video_file,mood", "error", "neither a style nor a score"),
        ("video_file,style,asthetic_score", "warning", "'asthetic_score' is not known"),
        ("video_file,style,style", "error", "two columns are named 'style'"),
        ("Video_File,STYLE", None, ""),
    ],
)
def test_wrong_columns(tmp_path, header, level, text) -> None:
    cells = ",".join(["a.mp4", "waltz", "waltz"][: header.count(",") + 1])
    made(tmp_path, f"{header}\n{cells}\n", "a.mp4")
    found = [p for p in load_corpus(tmp_path)[1] if p.level != "note"]
    assert [p.level for p in found] == ([level] if level else [])
    assert all(text in p.text and p.fix for p in found)
    if level == "warning":
        assert "did you mean aesthetic_score?" in found[0].fix


def test_mixed_scales_are_told(tmp_path) -> None:
    rows = [f"v{i}.mp4,waltz,{s}" for i, s in enumerate([0.5, 0.7, 0.8, 9])]
    made(
        tmp_path, "video_file,style,fluidity\n" + "\n".join(rows), *(f"v{i}.mp4" for i in range(4))
    )
    corpus, problems = load_corpus(tmp_path)
    assert kinds(problems, "warning") == ["mixed scales"] and corpus.scales == {"fluidity": 10.0}


def test_numbers() -> None:
    assert number("8,5", ";") == 8.5 and number("8,5") is None and number("1_0") is None
    assert number("1,234.5", ";") is None and number("1e1") == 10.0


def test_ready_made_parts_are_kept(tmp_path) -> None:
    for part, video in (("train", "a.mp4"), ("validation", "b.mp4"), ("test", "a.mp4")):
        made(
            tmp_path,
            f"video_file,style\n{video},waltz\n",
            f"{part}/{video}",
            name=f"annotations/{part}.csv",
        )
    corpus, problems = load_corpus(tmp_path)
    assert kinds(problems) == ["clip in two parts"]  # two videos, one name: told
    (tmp_path / "annotations" / "test.csv").write_text("video_file,style\nc.mp4,waltz\n")
    (tmp_path / "videos" / "test" / "c.mp4").write_bytes(b"")
    corpus, problems = load_corpus(tmp_path)
    assert problems == []
    split = corpus.given()
    assert split.parts == {"train": ("a.mp4",), "val": ("b.mp4",), "test": ("c.mp4",)}
    assert corpus.clips[1].path == tmp_path / "videos" / "validation" / "b.mp4"
    assert any("kept as it is" in note for note in corpus.notes)
    assert len(list(media_files(find_layout(tmp_path)))) == 4


def test_class_folders_and_image_folders(tmp_path) -> None:
    for name in ("videos/waltz/a.mp4", "videos/tango/b.MOV", "videos/tango/notes.txt"):
        (tmp_path / "one" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "one" / name).write_bytes(b"")
    corpus, _ = load_corpus(tmp_path / "one")
    assert [(e.clip, e.style) for e in corpus.clips] == [
        ("tango/b.MOV", "tango"),
        ("waltz/a.mp4", "waltz"),
    ]
    for name in ("images/waltz/c1/1.png", "images/waltz/c2/1.jpg", "images/tango/empty/x.txt"):
        (tmp_path / "two" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "two" / name).write_bytes(b"")
    corpus, _ = load_corpus(tmp_path / "two")
    assert [(e.clip, e.style) for e in corpus.clips] == [
        ("waltz/c1", "waltz"),
        ("waltz/c2", "waltz"),
    ]
    for name in ("train/waltz/a.mp4", "test/waltz/b.mp4"):
        (tmp_path / "three" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "three" / name).write_bytes(b"")
    corpus, _ = load_corpus(tmp_path / "three")
    assert corpus.given().parts == {"train": ("train/waltz/a.mp4",), "test": ("test/waltz/b.mp4",)}
    (tmp_path / "four").mkdir()
    with pytest.raises(InputError, match="no tables and no folders"):
        load_corpus(tmp_path / "four")
    with pytest.raises(InputError, match="no such folder"):
        load_corpus(tmp_path / "five")


def test_a_table_that_is_too_large_is_refused(tmp_path, monkeypatch) -> None:
    made(tmp_path, "video_file,style\n" + "a.mp4,waltz\n" * 30)
    monkeypatch.setattr("dance_jax.data.sheet.MAX_ROWS", 20)
    with pytest.raises(InputError, match="more than 20 rows"):
        load_corpus(tmp_path)
    monkeypatch.setattr("dance_jax.data.sheet.MAX_BYTES", 100)
    with pytest.raises(InputError, match="larger than"):
        load_corpus(tmp_path)
    made(tmp_path, 'video_file,style\n"a.mp4,waltz\n')
    monkeypatch.undo()
    assert kinds(read_sheet(tmp_path / "annotations/all.csv").problems) == ["broken row"]


@settings(max_examples=60)
@given(
    st.binary(max_size=300) | st.text(",;\"'\n\r\t =a1.-\x00\u2028é", max_size=80).map(str.encode)
)
def test_any_bytes_give_a_table_or_one_error(tmp_path_factory, content) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    for text in (content, b"video_file,style,aesthetic_score\n" + content):
        path.write_bytes(text)
        try:
            found = read_sheet(path)
        except InputError as error:
            assert "\n" not in error.line() and error.fix
            continue
        assert all(set(row.cells) == set(found.columns) for row in found.rows)


def test_a_table_beside_the_videos_counts_where_it_names_them(tmp_path) -> None:
    made(tmp_path, "clip,label\na,b\n", "waltz/a.mp4", name="other.csv")
    assert load_corpus(tmp_path)[0].layout == "class folders"
    made(tmp_path, "video_file,style\nwaltz/a.mp4,tango\n", name="mine.csv")
    assert load_corpus(tmp_path)[0].clips[0].style == "tango"
