"""What a self-calibration found, told to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from core.text import _
from geofence.calibrating.self_calibration import error_name

if TYPE_CHECKING:
    from app.calibrate import FlightPhoto
    from geofence.calibrating.self_calibration import SelfCalibration


def show_self_calibration(
    found: SelfCalibration, photos: tuple[FlightPhoto, ...], console: Console, *, known: int
) -> None:
    """Print a self-calibration's report for a person to judge."""
    names = {photo.view.frame_id: photo.name for photo in photos}
    for number, sortie in enumerate(found.sorties, start=1):
        table = Table(
            title=_("Stretch {number}: {count} photos, {first} to {last}").format(
                number=number,
                count=len(sortie.frame_ids),
                first=names[sortie.frame_ids[0]],
                last=names[sortie.frame_ids[-1]],
            ),
            title_justify="left",
        )
        for heading in (
            _("error"),
            _("correction"),
            _("± one sigma"),
            _("thought before, ±"),
            _("the flight shows it"),
        ):
            table.add_column(heading)
        for bias in sortie.biases:
            table.add_row(
                error_name(bias.name),
                f"{bias.value:+.3f}",
                f"{bias.sigma:.3f}",
                f"{bias.prior_sigma:.3f}",
                _("yes") if bias.observed else _("no"),
            )
        console.print(table)
    kept = _("kept out of the estimate") if found.held_out else _("used in the estimate, so this flatters")
    console.print(
        _(
            "{count} things seen in several photos ({kept}): {b:.2f} m apart before (p90 {bp:.2f}), {a:.2f} m after "
            "(p90 {ap:.2f})"
        ).format(
            count=found.before.count,
            kept=kept,
            b=found.before.median_m,
            bp=found.before.p90_m,
            a=found.after.median_m,
            ap=found.after.p90_m,
        ),
        soft_wrap=True,
    )
    if found.known_before_m is not None and found.known_after_m is not None:
        console.print(
            _("{count} known points: {before:.2f} m off before, {after:.2f} m after (used in the estimate)").format(
                count=known, before=found.known_before_m, after=found.known_after_m
            ),
            soft_wrap=True,
        )
    else:
        console.print(
            _("No known point: this is consistency, not truth. A shift that all photos share stays."), soft_wrap=True
        )
    for frame_id, why in found.left_out.items():
        console.print(
            _("left out: {why}").format(why=why.replace(frame_id, names[frame_id])), soft_wrap=True, highlight=False
        )
    if found.turned:
        console.print(
            _("stored turned by 180°: {names}").format(names=", ".join(names[each] for each in found.turned)),
            soft_wrap=True,
        )
    if found.clock_offset_s is not None:
        console.print(_clock(found.clock_offset_s, found.clock_sigma_s), soft_wrap=True)
    if found.moving:
        console.print(_("{count} things moved or were matched wrongly and have no say").format(count=len(found.moving)))


def _clock(offset_s: float, sigma_s: float | None) -> str:
    if sigma_s is None:
        return _(
            "the flight shows nothing of an offset between the clocks of its poses and its pictures; none is taken"
        )
    return _("the poses' clock is {offset:+.2f} ± {sigma:.2f} s ahead of the pictures'").format(
        offset=offset_s, sigma=sigma_s
    )
