"""Several aircraft flown together from one station."""

from __future__ import annotations

import queue
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.points import distance_m
from flight.dronekit_link import connect
from flight.flight_log import FlightLog, Outcome
from flight.flight_plan import FlightPlan, Leg, Sortie
from flight.flying.fly_together import Together, fly_together
from flight.flying.monitors import Progress
from flight.flying.separation import Separation, departures, gap_to_way, return_heights
from flight.flying.sky import Sky
from flight.flying.watch import FlightView, Order, OrderKind
from flight.link import VehicleState
from flight.rehearsal.vehicle import RehearsalVehicle
from flight.track import Pose, pose_at
from tests.flight.short_hops import HOME, at, hop

pytestmark = pytest.mark.wall_clock  # a simulated flight at many times its speed: run alone


def test_crossing_aircraft_are_flown_together_and_stay_apart(tmp_path: Path) -> None:
    threads = threading.active_count()
    homes = {"A": HOME, "B": at(Leg.TRANSIT, 0, -60, 1).position}
    sorties = {
        "A": hop(20.0, (60.0, 0.0)),
        "B": Sortie(
            number=1, length_m=200, duration_s=70, photos=0, battery_used=0.04,
            waypoints=(
                at(Leg.TAKEOFF, 0, 0, 20, homes["B"]), at(Leg.TRANSIT, 30, 110, 20, homes["B"]),
                at(Leg.RETURN, 0, 0, 20, homes["B"]), at(Leg.LAND, 0, 0, 0, homes["B"]),
            ),
        ),
    }  # fmt: skip
    speedup, start = 15.0, datetime(2026, 10, 1, 2, tzinfo=UTC)
    vehicles = {
        name: RehearsalVehicle(homes[name], speedup=speedup, seed=number, system_id=number, start_at=start)
        for number, name in enumerate(sorties, start=1)
    }
    links = []
    try:
        flights = []
        for name, vehicle in vehicles.items():
            vehicle.set_parameter("LAND_SPEED", 200)
            link = connect(vehicle.start(), timeout_s=10)
            links.append(link)
            plan = FlightPlan(patrol=name, home=homes[name], sorties=(sorties[name],), findings=(), covered_share=1.0)
            flights.append(Together(name=name, link=link, plan=plan, sortie_number=1, log_path=tmp_path / name))
        keep = Separation(horizontal_m=15.0, vertical_m=8.0, early_s=5.0, late_s=10.0)
        assert departures(sorties, HOME, keep)[1].takeoff_s > 0
        logs = fly_together(flights, clock=SystemClock(), rehearsal=True, separation=keep, time_scale=speedup)
    finally:
        for link in links:
            link.close()
        for vehicle in vehicles.values():
            vehicle.stop()
    assert [log.outcome for log in logs.values() if isinstance(log, FlightLog)] == [Outcome.COMPLETED] * 2
    tracks = [vehicle.true_track() for vehicle in vehicles.values()]
    for pose in tracks[0].poses:
        other = pose_at(tracks[1], pose.captured_at)
        if isinstance(other, Pose) and pose.position is not None and other.position is not None:
            assert pose.height_takeoff is not None
            assert other.height_takeoff is not None
            rise = abs(pose.height_takeoff.metres - other.height_takeoff.metres)
            assert distance_m(pose.position, other.position) > 10 or rise > 6
    assert threading.active_count() == threads


class Watched:
    """A sky with two aircraft in it, and what they were ordered."""

    def __init__(self, **more: Any) -> None:
        self.told: list[str] = []
        self.sky = Sky(
            separation=Separation(),
            order=["A", "B"],
            orders={"A": queue.SimpleQueue(), "B": queue.SimpleQueue()},
            tell=self.told.append,
            **more,
        )

    def see(
        self,
        name: str,
        east: float,
        speed: float = 0.0,
        *,
        height: float = 30.0,
        after_s: float = 0.0,
        in_command: str = "mission",
        mode: str = "AUTO",
        heard_s: float = 0.0,
    ) -> None:
        state = VehicleState(
            at=datetime(2026, 10, 1, tzinfo=UTC) + timedelta(seconds=after_s),
            position=at(Leg.TRANSIT, east, 0, 1).position, height_takeoff_m=height, yaw_deg=0, gimbal_pitch_deg=None,
            gimbal_yaw_deg=None, gimbal_roll_deg=None, ground_speed_m_s=abs(speed), battery_share=1, armed=True,
            mode=mode, item=1, heartbeat_age_s=heard_s, landed=False, east_m_s=speed,
        )  # fmt: skip
        progress = Progress(along_m=0, length_m=1, off_m=0, home_m=0, home_s=0, battery_home=None, edge_m=None)
        view = FlightView(state=state, progress=progress, next_action="", advice=(), messages=(), in_command=in_command)
        self.sky.look(name, view)

    def orders(self, name: str) -> list[OrderKind]:
        waiting = self.sky.orders[name]
        return [waiting.get_nowait().kind for _number in range(waiting.qsize())]


def test_of_two_too_close_the_later_one_holds_until_they_are_apart() -> None:
    """Two that hover over one field: B flies into A's air, holds, and goes on when A has gone."""
    two = Watched()
    two.see("A", 0)
    two.see("B", 100, 8.0)
    assert two.orders("B") == []
    two.see("B", 49, 8.0)
    assert two.orders("B") == [], "it flies away"
    two.see("B", 49, -8.0)
    two.see("B", 48, -8.0)
    assert two.orders("B") == [OrderKind.PAUSE], "30 m and the 20.8 m that stopping takes"
    two.see("B", 36, in_command="hold")
    two.see("A", 0, -8.0)
    assert two.orders("B") == [], "apart, but not by enough to go on"
    two.see("A", -10, -8.0)
    assert two.orders("B") == [OrderKind.CONTINUE]
    assert two.orders("A") == []
    two.see("B", 15, in_command="hold")
    assert two.orders("B") == [OrderKind.PAUSE]
    assert two.orders("A") == [OrderKind.PAUSE], "the other came on all the same"
    two.sky.down("A")
    assert two.orders("B") == [OrderKind.CONTINUE]


@pytest.mark.parametrize(
    ("what", "how"),
    [
        ("flown by its pilot", {"in_command": "pilot", "mode": "LOITER"}),
        ("coming home by its failsafe", {"in_command": "return", "mode": "RTL"}),
        ("landing", {"mode": "LAND"}),
        ("not heard", {"heard_s": 9.0}),
    ],
)
def test_who_cannot_be_ordered_keeps_its_way_and_the_other_holds(what: str, how: dict[str, Any]) -> None:
    two = Watched(homes={"B": at(Leg.LAND, 0, 0, 0).position})
    two.see("A", 0)
    two.see("B", 20, -4.0, **how)
    assert two.orders("A") == [OrderKind.PAUSE], what
    assert two.orders("B") == [], f"B is {what}; nothing is ordered over that"
    two.see("A", 0, in_command="pilot", mode="LOITER")
    two.sky.down("B")
    assert two.orders("A") == [], "a pilot has A now; it is not sent back into its mission"


def test_one_that_is_not_heard_may_be_anywhere_on_its_way_home() -> None:
    two = Watched(homes={"A": at(Leg.LAND, 0, 0, 0).position})
    two.see("A", 300, heard_s=8.0, height=80)
    two.see("B", 150)
    assert two.orders("B") == [OrderKind.PAUSE]
    states = [two.sky.views[name].state for name in ("A", "B")]
    assert gap_to_way(states[0], HOME, states[1]) == pytest.approx(0, abs=0.1)


def test_two_that_hover_too_close_are_separated_by_height() -> None:
    """The upper one goes up and home, for a way home begins with a climb: never the lower one, through the other."""
    two = Watched(return_heights={"A": 60.0, "B": 45.0})
    two.see("A", 0, height=34.0)
    for second in range(0, 28, 4):
        two.see("B", 12, after_s=second, in_command="hold")
        two.see("A", 0, after_s=second, in_command="hold", height=34.0)
    assert two.orders("B") == [OrderKind.PAUSE]
    assert two.orders("A") == [OrderKind.PAUSE, OrderKind.RETURN], "once, and not stopped again on its way"
    assert two.told == []
    two.see("A", 0, after_s=60, in_command="return", mode="RTL", height=60.0)
    assert two.orders("B") == [OrderKind.CONTINUE]


def test_nobody_takes_off_under_another() -> None:
    two = Watched()
    assert two.sky.clear_above("B", HOME, 30.0)
    two.see("A", 10, height=40.0)
    assert not two.sky.clear_above("B", HOME, 30.0)
    assert two.sky.clear_above("B", HOME, 20.0), "A is high above all that B will fly"
    two.see("A", 100, height=40.0)
    assert two.sky.clear_above("B", HOME, 30.0)


def test_without_a_height_to_go_to_the_pilots_are_called_once() -> None:
    two = Watched()
    two.see("A", 0)
    for second in range(0, 40, 4):
        two.see("B", 12, after_s=second, in_command="hold")
    assert two.orders("B") == [OrderKind.PAUSE]
    assert len(two.told) == 1
    assert "A and B are too close" in two.told[0]


def test_a_crew_that_paused_is_not_sent_on() -> None:
    two = Watched()
    two.see("A", 0)
    two.see("B", 20)
    two.sky.crew_orders("B", Order(kind=OrderKind.CONTINUE))
    assert "keeps clear of A" in two.told[0]
    two.sky.crew_orders("B", Order(kind=OrderKind.PAUSE))
    two.see("B", 20, in_command="hold")
    two.sky.down("A")
    assert two.orders("B") == [OrderKind.PAUSE, OrderKind.PAUSE]
    two.sky.crew_orders("B", Order(kind=OrderKind.CONTINUE))
    assert two.orders("B") == [OrderKind.CONTINUE]


def test_each_has_a_height_of_its_own_for_its_way_home() -> None:
    sorties = {"A": hop(60.0), "B": hop(40.0), "C": hop(50.0), "D": hop(110.0)}
    heights = return_heights(sorties, ceiling_m=120.0)
    assert heights == {"B": 40.0, "C": 55.0, "A": 70.0, "D": 110.0}
    assert return_heights({"A": hop(110.0), "B": hop(110.0)}, ceiling_m=120.0) == {"A": 110.0, "B": None}
