"""The report: one HTML file that opens offline, prints well, and runs no script."""

from __future__ import annotations

import base64
import functools
import hashlib
import pathlib
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dance_jax.analysis import (
    plots,
    report_learned,
    report_movement,
    report_phrases,
    report_tables,
    report_text,
    validity,
)
from dance_jax.analysis.result import (
    NOT_ASSESSED,
    SCHEMA_VERSION,
    Analysis,
    Measure,
    PersonAnalysis,
)
from dance_jax.kinematics.angles import ANGLES

EMBED_LIMIT_MB = 48.0
_GROUPS = {"joint": "Joint angles", "segment": "Segment directions", "speed": "Speeds"}
_AGAINST = {
    "joint": "the joint's true 3D angle",
    "segment": "the segment's true direction in the camera's plane, not in space",
}
_PLOTS = {
    "pose_strip": (
        "Poses along time",
        "Stick figures of dancer {id} at evenly spaced times, left in blue, right in orange.",
    ),
    "angles": (
        "Angles over time",
        "Angles of dancer {id} over time by joint, raw and filtered, left and right overlaid; "
        "strips below each panel mark frames that were not seen (grey) or out of plane (hatched).",
    ),
    "angular_velocity": (
        "Angular velocities over time",
        "Angular velocities of dancer {id} over time by joint, left and right overlaid.",
    ),
    "speeds": (
        "Speeds over time",
        "Speeds of body, hip, wrists and ankles of dancer {id} over time, left and right overlaid.",
    ),
    "balance": (
        "Balance over time",
        "Where the centre of mass of dancer {id} was against the feet on the floor over time, and "
        "its margin to their outer edge; the band is the measurement's own uncertainty.",
    ),
    "energy": (
        "Energy and joint moments over time",
        "Mechanical energy of dancer {id} over time, and moments of ankle, knee and hip, a proxy: "
        "no force was measured.",
    ),
    "phase": (
        "Phase plots",
        "Angle against angular velocity of the main joints of dancer {id}, and the relative phase "
        "of pairs of joints over time.",
    ),
    "rhythm": (
        "Rhythm over time",
        "Body speed of dancer {id} over time with the movement's own beats, and beats of the music "
        "where there is music.",
    ),
    "effort": (
        "Effort after Laban",
        "Weight, time, space and flow of dancer {id} on logarithmic axes; kinematic indices, not "
        "validated against human ratings.",
    ),
    "network": (
        "What the network says",
        "Scores of dancer {id} with their intervals, and every style with its probability, as the "
        "trained network gives them.",
    ),
    "cam": (
        "Class activation map",
        "Frames of the clip; coloured where the trained network finds what its score rests on.",
    ),
    "saliency": (
        "Saliency of the joints",
        "What each joint of dancer {id} adds to the trained network's answer at each moment: red "
        "raises it, blue lowers it, white leaves it.",
    ),
    "presence": (
        "Visibility over time",
        "Mean joint confidence of each body part of dancer {id} over time; hatched where not seen.",
    ),
}
_MODEL_CREDIT = (
    "The pose is estimated with BlazePose, the model of MediaPipe Pose Landmarker (Google, Apache "
    "License 2.0; Bazarevsky et al., BlazePose: On-device Real-time Body Pose Tracking, 2020, "
    "arXiv:2006.10204)."
)


def write_report(
    path: str | pathlib.Path,
    analysis: Analysis,
    *,
    folder: str | pathlib.Path | None = None,
    embed_limit_mb: float = EMBED_LIMIT_MB,
    truth_rows: Sequence[Mapping[str, Any]] | None = None,
) -> pathlib.Path:
    """Writes the self-contained report of one analysis.

    Args:
        path: the .html file to write.
        analysis: what was found.
        folder: where `overlay.mp4` and `plots/` lie; None for the folder of `path`.
        embed_limit_mb: a larger overlay is linked beside the report, not embedded.
        truth_rows: for rendered dancers, rows of the error against the known truth:
            {"what", "value", "p90", "unit", "n", "limit", "ok"}.

    Returns:
        The path.
    """
    path = pathlib.Path(path)
    folder = path.parent if folder is None else pathlib.Path(folder)
    files = plots.plot_files(folder / "plots", analysis)
    height_m = analysis.settings.get("height_m")
    name = report_text.printable(analysis.source.get("name", "clip"))
    first_s = float(analysis.clip.time_s[0])
    linked = (folder / "overlay.mp4").is_file()
    context = {
        "title": f"{'SYNTHETIC: ' if analysis.synthetic else ''}Movement report: {name}",
        "name": name,
        "analysis": analysis,
        "facts": report_tables.facts(analysis),
        "tracks": analysis.tracks,
        "people": [
            _person(person, files[person.person_id])
            | {"scale": report_text.scale(person, analysis.clip.unit, height_m)}
            | {"phrases": report_phrases.table(person, first_s, linked)}
            | {"learned": report_learned.section(person, analysis.learned)}
            for person in analysis.people
        ],
        "overlay": _overlay(folder / "overlay.mp4", embed_limit_mb),
        "blurred": bool(analysis.settings.get("blur_faces")),
        "heated": bool(analysis.exports.get("overlay.mp4", {}).get("heat")),
        "angle_table": report_tables.angle_table(),
        "study": validity.table().get("made", {}),
        "limit_deg": validity.table()["limit_deg"],
        "not_assessed": NOT_ASSESSED,
        "sources": report_movement.sources(analysis.people),
        "truth_rows": truth_rows or [],
        "command": report_text.command(analysis),
        "credit": analysis.estimator.get("credit")
        or (_MODEL_CREDIT if analysis.estimator.get("name") != "given poses" else ""),
        "details": report_tables.details(analysis),
        "schema_version": SCHEMA_VERSION,
    }
    media = "data: file: 'self'" if context["overlay"].get("link") else "data:"
    path.write_text(_render("report.html.j2", context, media), "utf-8")
    return path


def write_index(path: str | pathlib.Path, rows: Iterable[Mapping[str, Any]]) -> pathlib.Path:
    """Writes the page of a batch run: one row a clip, with its outcome and a link to its report.

    Args:
        path: the .html file to write; links are relative to its folder.
        rows: {"input", "outcome", "detail", "folder", "frames", "seconds", "people_found",
            "frames_with_pose", "angles_ok", "angles_refused"}; "folder" is empty without a report.

    Returns:
        The path.
    """
    path = pathlib.Path(path)
    shown = []
    for row in rows:
        folder = str(row.get("folder") or "")
        link = (
            f"./{urllib.parse.quote(folder, errors='surrogatepass')}/report.html" if folder else ""
        )
        shown.append({**row, "link": link})
    done = sum(row.get("outcome") == "ok" for row in shown)
    path.write_text(_render("index.html.j2", {"rows": shown, "done": done}, "'none'"), "utf-8")
    return path


@functools.cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        safe_text=report_text.printable,
        number=report_text.number,
        measure=lambda value, unit: report_text.number(
            value, 0 if unit.startswith("deg") else None
        ),
        value_text=report_text.value_text,
        percent=report_text.percent,
        unit=report_text.unit,
    )
    return environment


def _render(template: str, context: Mapping[str, Any], media: str) -> str:
    """Renders a page whose policy allows its own style by hash, inline images, and nothing else."""
    from markupsafe import Markup

    css = pathlib.Path(__file__).with_name("report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; media-src {media}; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _environment().get_template(template)
    return page.render(**context, css=Markup(css), policy=Markup(policy))


def _data_uri(file: pathlib.Path, kind: str) -> Any:
    from markupsafe import Markup

    return Markup(f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode('ascii')}")


def _overlay(file: pathlib.Path, limit_mb: float) -> dict[str, Any]:
    if not file.is_file():
        return {}
    size_mb = file.stat().st_size / 1e6
    if size_mb > limit_mb:
        link = f"./{urllib.parse.quote(file.name)}"
        return {"src": link, "link": link, "size_mb": size_mb, "limit_mb": limit_mb}
    return {"src": _data_uri(file, "video/mp4"), "link": ""}


def _person(person: PersonAnalysis, files: Mapping[str, pathlib.Path]) -> dict[str, Any]:
    pictures = {
        name: {
            "name": name,
            "title": title,
            "alt": alt.format(id=person.person_id),
            "src": _data_uri(files[name], "image/png"),
        }
        for name, (title, alt) in _PLOTS.items()
        if files[name].is_file()
    }
    kinds = {definition.name: definition.kind for definition in ANGLES}
    groups: dict[str, list[Measure]] = {}
    for m in person.measures:
        if m.status == "ok" and m.group not in ("presence", *report_movement.SECTIONS):
            kind = kinds.get(m.key.rpartition(".")[0], "") if m.group == "angles" else ""
            groups.setdefault(kind or m.group, []).append(m)
    tables = {group: report_tables.table(measures) for group, measures in groups.items()}
    return {
        "person": person,
        "findings": report_text.findings(person) + report_movement.summary(person),
        "movement": report_movement.sections(person),
        "cutoff": report_movement.cutoff_note(person),
        "views": report_text.views(person),
        "parts": [
            (part, report_text.PART_STATUS.get(part.status, part.status)) for part in person.parts
        ],
        "planar": person.pose.shape[-1] == 2,
        "angles": [
            (_GROUPS[kind], tables.pop(kind), _AGAINST[kind])
            for kind in ("joint", "segment")
            if kind in tables
        ],
        "groups": [
            (group, _GROUPS.get(group, group.capitalize()), table)
            for group, table in tables.items()
        ],
        "refused": report_text.refusals(person.measures),
        "events": report_tables.events(person),
        "plots": pictures,
    }
