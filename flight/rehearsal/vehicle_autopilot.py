"""The autopilot of the rehearsal vehicle: modes, mission, camera, failsafes. No protocol and no sockets.

Behaves as ArduCopter 4.5 is documented to behave where it matters to a ground station: arming is refused with a text,
AUTO on the ground needs a take-off item, DO items run when the leg behind them begins, a fence breach and a low battery
bring it home, and a lost ground station does too. All times are vehicle time except the ground-station failsafe, which
counts wall-clock seconds: heartbeats are sent by the wall clock whatever the speed-up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from flight.mavlink.mission import Command
from flight.rehearsal.vehicle_body import Body, Setpoint
from flight.rehearsal.vehicle_fence import FenceRing, breach_of, fence_rings
from flight.rehearsal.vehicle_vocabulary import DEFAULT_PARAMETERS, Mode, Severity, StoredItem

_LANDED_M: Final = 0.05
_RETURN_RADIUS_M: Final = 1.5


@dataclass(slots=True)
class Autopilot:
    """What the vehicle decides; :meth:`step` gives the setpoint for the body.

    Attributes:
        body: The body it flies.
        locate: Turns (latitude e7, longitude e7, height, frame) into east, north, up metres from home.
        say: Sends a STATUSTEXT.
        photograph: Called when the camera is triggered.
        reached: Called with the seq of a navigation item that was reached.
        gps_ok: Whether it has a position.
        nav_offset_m: East and north by which its position estimate is off (a fault): it flies by the estimate.
        refuse_arming: Why it will not arm (a fault); empty for no reason.
        waypoint_yaw: Whether param4 of a waypoint is a heading (PX4) or nothing (ArduPilot).
        parameters: By name.
        lists: Items by mission_type: 0 mission, 1 fence, 2 rally.
    """

    body: Body
    locate: Callable[[int, int, float, int], tuple[float, float, float]]
    say: Callable[[Severity, str], None]
    photograph: Callable[[], None]
    reached: Callable[[int], None]
    parameters: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_PARAMETERS))
    lists: dict[int, list[StoredItem]] = field(default_factory=lambda: {0: [], 1: [], 2: []})
    mode: Mode = Mode.STABILIZE
    armed: bool = False
    time_s: float = 0.0
    item: int = 0
    gps_ok: bool = True
    refuse_arming: str = ""
    waypoint_yaw: bool = False
    nav_offset_m: tuple[float, float] = (0.0, 0.0)
    auto_speed_m_s: float = 8.0
    paused: bool = False
    failsafe: str = ""
    breach: str = ""
    _leg_from: tuple[float, float, float] = (0.0, 0.0, 0.0)
    _leg_running: bool = False
    _hold_until_s: float = 0.0
    _yaw_hold: float | None = None
    _yaw_item: bool = False
    _spacing_m: float = 0.0
    _last_photo: tuple[float, float] | None = None
    _return_climbed: bool = False
    _return_hold_s: float | None = None
    _armed_at_s: float = 0.0
    _landed_since_s: float | None = None
    _guided_height_m: float | None = None
    _auto_armed: bool = False
    _blind_s: float = 0.0
    breach_count: int = 0
    _rings_of: list[StoredItem] | None = None
    _rings: list[FenceRing] = field(default_factory=list)

    # --- commands from the ground -------------------------------------------------------------------------------

    def arm(self) -> bool:
        """Arm, or say why not."""
        if self.armed:
            return True
        problems = self.arming_problems()
        for reason in problems:
            self.say(Severity.CRITICAL, f"PreArm: {reason}")
        if problems:
            return False
        self.armed = True
        self._auto_armed = False
        self._armed_at_s = self.time_s
        self._landed_since_s = None
        self.failsafe = self.breach = ""
        self.say(Severity.INFO, "Arming motors")
        return True

    def arming_problems(self) -> list[str]:
        """Return what stands against arming, in the autopilot's words."""
        problems = []
        if self.refuse_arming:
            problems.append(self.refuse_arming)
        if not self.gps_ok:
            problems.append("GPS 1: Bad fix")
        left_mah = self.body.battery.share * self.parameters["BATT_CAPACITY"]
        if left_mah < max(self.parameters["BATT_ARM_MAH"], self.parameters["BATT_LOW_MAH"]):
            problems.append("Battery 1 low capacity failsafe")
        if self.mode in {Mode.AUTO, Mode.RTL, Mode.LAND, Mode.BRAKE, Mode.SMART_RTL}:
            problems.append("Mode not armable")
        return problems if self.parameters["ARMING_CHECK"] or self.refuse_arming else []

    def disarm(self, *, force: bool = False) -> bool:
        """Disarm on the ground (or anywhere when forced)."""
        if self.body.flying and not force:
            return False
        self.armed = False
        self.body.flying = False
        self._spacing_m = 0.0
        self.item = 0
        self._leg_running = self.paused = False
        self.say(Severity.INFO, "Disarming motors")
        return True

    def set_mode(self, mode: int) -> bool:
        """Change the mode; False when the vehicle does not know or allow it."""
        if mode not in set(Mode):
            return False
        wanted = Mode(mode)
        if wanted is Mode.AUTO and len(self.lists[0]) <= 1:
            self.say(Severity.NOTICE, "Mode change to AUTO failed: no mission")
            return False
        if wanted in {Mode.AUTO, Mode.GUIDED, Mode.LOITER, Mode.RTL} and not self.gps_ok:
            self.say(Severity.NOTICE, f"Mode change to {wanted.name} failed: requires position")
            return False
        if wanted is Mode.AUTO and self.mode is not Mode.AUTO:
            self._leg_running = False
            self.paused = False
        if wanted is not self.mode and self.mode is Mode.AUTO:
            self._spacing_m = self._spacing_m if wanted in {Mode.BRAKE, Mode.LOITER} else 0.0
        if wanted is Mode.RTL:
            self._return_climbed, self._return_hold_s = False, None
        self.mode = wanted
        return True

    def start_mission(self) -> bool:
        """MAV_CMD_MISSION_START: AUTO, with permission to take off."""
        if not self.armed or not self.set_mode(Mode.AUTO):
            return False
        self._auto_armed = True
        return True

    def jump_to(self, seq: int) -> bool:
        """Make ``seq`` the current mission item."""
        if not 0 <= seq < len(self.lists[0]):
            return False
        self.item = seq
        self._leg_running = False
        return True

    def take_off(self, height_m: float) -> bool:
        """MAV_CMD_NAV_TAKEOFF in GUIDED."""
        if not self.armed or self.mode is not Mode.GUIDED:
            return False
        self._guided_height_m = height_m
        self._lift()
        return True

    def photograph_every(self, spacing_m: float) -> None:
        """MAV_CMD_DO_SET_CAM_TRIGG_DIST from the ground; 0 stops."""
        self._spacing_m, self._last_photo = spacing_m, None

    def pause(self) -> bool:
        """Stop on the way to a waypoint (ArduCopter can nowhere else: not in a climb, a hover or a landing)."""
        items = self.lists[0]
        on_the_way = self._leg_running and items[self.item].command == Command.NAV_WAYPOINT
        if self.mode is not Mode.AUTO or not on_the_way or self._hold_until_s:
            self.say(Severity.INFO, "Failed to pause")
            return False
        self.paused = True
        return True

    def go_on(self) -> bool:
        """End a pause."""
        self.paused = False
        return self.mode is Mode.AUTO

    def mission_replaced(self, *, begin_anew: bool) -> None:
        """Take note of a new mission. ArduPilot keeps its place in the list until it disarms; PX4 begins anew."""
        if begin_anew or self.item >= len(self.lists[0]):
            self.item = 0
        self._leg_running = False
        self.parameters["MIS_TOTAL"] = len(self.lists[0])

    # --- flying -------------------------------------------------------------------------------------------------

    def step(self, dt_s: float) -> None:
        """Advance by ``dt_s`` seconds of vehicle time."""
        self.time_s += dt_s
        setpoint = self._setpoint() if self.armed else Setpoint()
        self.body.step(dt_s, setpoint, armed=self.armed)
        if self.armed:
            self._photographs()
            self._ground_contact(setpoint)
            self._battery_failsafe()
            self._position_failsafe(dt_s)
            self._fence_failsafe()
            self._auto_disarm()

    def _setpoint(self) -> Setpoint:
        up = self.body.position[2]
        if self.mode is Mode.AUTO:
            return self._auto()
        if self.mode in {Mode.RTL, Mode.SMART_RTL}:
            return self._return()
        if self.mode is Mode.LAND:
            return self._land()
        if self.mode is Mode.GUIDED and self._guided_height_m is not None:
            return Setpoint(target=(self.body.position[0], self.body.position[1], self._guided_height_m))
        return Setpoint(vertical_m_s=0.0 if up > _LANDED_M else None)

    def _lift(self) -> None:
        if not self.body.flying:
            self.body.flying = True
            self._landed_since_s = None

    def _auto(self) -> Setpoint:
        items = self.lists[0]
        if self.paused or (not self._leg_running and not self._begin_leg()):
            return Setpoint()  # on the ground without a take-off, or done in the air: hold
        item = items[self.item]
        if item.command == Command.NAV_RETURN_TO_LAUNCH:
            return self._return()
        target = self.locate(item.x_e7, item.y_e7, item.z, item.frame)
        if item.command == Command.NAV_TAKEOFF:
            here = self.body.position
            if here[2] >= target[2] - 0.3:
                self._leg_done()
            return Setpoint(target=(self._leg_from[0], self._leg_from[1], target[2]))
        if item.command == Command.NAV_LAND:
            return self._land_at(target)
        return self._way(item, target)

    def _way(self, item: StoredItem, target: tuple[float, float, float]) -> Setpoint:
        here = self.body.position
        away = math.dist(here[:2], target[:2])
        passing = self._passing_speed(target)
        ends = _near_end(self._leg_from, target, here, 0.5 if passing < 1 else passing * 0.25)
        if (away < 0.7 or ends) and abs(target[2] - here[2]) < 1.5:
            if self._hold_until_s == 0.0 and item.params[0] > 0:
                self._hold_until_s = self.time_s + item.params[0]
            if self.time_s >= self._hold_until_s:
                self._leg_done()
        if self._yaw_item and self._yaw_hold is not None:
            heading: float | None = self._yaw_hold
        elif self.waypoint_yaw and math.isfinite(item.params[3]):
            heading = item.params[3] % 360
        elif away > 2.0:
            leg = (target[0] - self._leg_from[0], target[1] - self._leg_from[1])
            long_leg = math.hypot(*leg) > 1.0
            heading = math.degrees(math.atan2(leg[0], leg[1])) % 360 if long_leg else None
        else:
            heading = None
        return Setpoint(
            target=target,
            line_from=self._leg_from,
            speed_m_s=self.auto_speed_m_s,
            end_speed_m_s=passing,
            heading_deg=heading,
        )

    def _passing_speed(self, target: tuple[float, float, float]) -> float:
        """Return the speed at which the end of this leg may be passed: full straight on, none at a right angle."""
        following = next((i for i in self.lists[0][self.item + 1 :] if i.command == Command.NAV_WAYPOINT), None)
        if following is None or self.lists[0][self.item].params[0] > 0:
            return 0.0
        after = self.locate(following.x_e7, following.y_e7, following.z, following.frame)
        ahead = (target[0] - self._leg_from[0], target[1] - self._leg_from[1])
        then = (after[0] - target[0], after[1] - target[1])
        lengths = math.hypot(*ahead) * math.hypot(*then)
        if lengths < 1e-6:
            return 0.0
        cosine = (ahead[0] * then[0] + ahead[1] * then[1]) / lengths
        return self.auto_speed_m_s * max(0.0, 2 * cosine - 1)

    def _begin_leg(self) -> bool:
        """Run the DO items up to the next navigation item; False when the mission has none left."""
        items = self.lists[0]
        self._yaw_item = False
        self.item = max(self.item, 1)
        while self.item < len(items):
            item = items[self.item]
            if item.command in {
                Command.NAV_WAYPOINT, Command.NAV_TAKEOFF, Command.NAV_LAND, Command.NAV_RETURN_TO_LAUNCH,
            }:  # fmt: skip
                if not self.body.flying:
                    if item.command != Command.NAV_TAKEOFF or not self._auto_armed:
                        return False  # on the ground only a take-off is flown
                    self._lift()
                here = self.body.position
                self._leg_from = (here[0], here[1], here[2])
                self._leg_running, self._hold_until_s = True, 0.0
                self._return_climbed, self._return_hold_s = False, None
                return True
            self._do(item)
            self.item += 1
        self.item = max(1, len(items) - 1)
        return False

    def _do(self, item: StoredItem) -> None:
        if item.command == Command.DO_CHANGE_SPEED and item.params[1] > 0:
            self.auto_speed_m_s = item.params[1]
        elif item.command == Command.DO_MOUNT_CONTROL:
            self.body.gimbal_setpoint_deg = max(-90.0, min(30.0, item.params[0]))
        elif item.command == Command.DO_SET_CAM_TRIGG_DIST:
            self._spacing_m = max(0.0, item.params[0])
            self._last_photo = None
            if self._spacing_m > 0 and item.params[2] < 1:
                self._last_photo = (self.body.position[0], self.body.position[1])
        elif item.command in {Command.DO_DIGICAM_CONTROL, Command.IMAGE_START_CAPTURE}:
            self.photograph()
        elif item.command == Command.CONDITION_YAW:
            self._yaw_hold, self._yaw_item = item.params[0] % 360, True

    def _leg_done(self) -> None:
        self.reached(self.item)
        self._leg_running = False
        self.item += 1
        if self.item >= len(self.lists[0]):
            self.item = len(self.lists[0]) - 1

    def _return(self) -> Setpoint:
        here = self.body.position
        height = max(self.parameters["RTL_ALT"] / 100, here[2] if self._return_climbed else 0.0)
        if not self._return_climbed:
            if here[2] >= height - 0.5:
                self._return_climbed = True
                self._leg_from = (here[0], here[1], here[2])
            return Setpoint(target=(here[0], here[1], max(height, here[2])))
        goal = self._return_point(here[2])
        if math.dist(here[:2], goal[:2]) > _RETURN_RADIUS_M:
            speed = self.parameters["RTL_SPEED"] / 100 or self.parameters["WPNAV_SPEED"] / 100
            heading = math.degrees(math.atan2(goal[0] - here[0], goal[1] - here[1])) % 360
            return Setpoint(target=goal, line_from=self._leg_from, speed_m_s=speed, heading_deg=heading)
        if self._return_hold_s is None:
            self._return_hold_s = self.time_s + self.parameters["RTL_LOIT_TIME"] / 1000
        if self.time_s < self._return_hold_s:
            return Setpoint(target=goal)
        return self._land_at(goal)

    def _return_point(self, height_m: float) -> tuple[float, float, float]:
        """Return home, or a rally point that is nearer and within RALLY_LIMIT_KM."""
        here = self.body.position
        home = (-self.nav_offset_m[0], -self.nav_offset_m[1], height_m)
        best, reach = home, math.dist(here[:2], home[:2])
        for rally in self.lists[2]:
            point = self.locate(rally.x_e7, rally.y_e7, rally.z, rally.frame)
            away = math.dist(here[:2], point[:2])
            limit = self.parameters["RALLY_LIMIT_KM"] * 1000
            if away < reach and (limit == 0 or away <= limit):
                best, reach = (point[0], point[1], height_m), away
        return best

    def _land_at(self, target: tuple[float, float, float]) -> Setpoint:
        here = self.body.position
        if math.dist(here[:2], target[:2]) > _RETURN_RADIUS_M and here[2] > 2.0:
            return Setpoint(target=(target[0], target[1], here[2]), speed_m_s=self.auto_speed_m_s)
        slow = self.parameters["LAND_SPEED"] / 100
        fast = here[2] > self.parameters["LAND_ALT_LOW"] / 100
        down = self.parameters["WPNAV_SPEED_DN"] / 100 if fast else slow
        return Setpoint(target=(target[0], target[1], 0.0), speed_m_s=1.0, vertical_m_s=-down)

    def _land(self) -> Setpoint:
        here = self.body.position
        fast = here[2] > self.parameters["LAND_ALT_LOW"] / 100
        down = self.parameters["WPNAV_SPEED_DN"] / 100 if fast else self.parameters["LAND_SPEED"] / 100
        return Setpoint(vertical_m_s=-down)

    def _ground_contact(self, setpoint: Setpoint) -> None:
        if not self.body.flying or self.body.position[2] > _LANDED_M:
            return
        self.body.position[2] = max(0.0, self.body.position[2])
        if setpoint.vertical_m_s is None or setpoint.vertical_m_s >= 0:
            return
        self.body.flying = False
        self.body.position[2] = 0.0
        self._landed_since_s = self.time_s
        self._spacing_m = 0.0
        self.say(Severity.INFO, "Land complete")

    def _auto_disarm(self) -> None:
        if self.body.flying:
            return
        if self._landed_since_s is not None:
            if self.time_s - self._landed_since_s > 1.0:
                self.disarm()
        elif self.time_s - self._armed_at_s > self.parameters["DISARM_DELAY"] > 0 and not self._auto_armed:
            self.disarm()

    def _photographs(self) -> None:
        if self._spacing_m <= 0 or not self.body.flying or not self.parameters["CAM1_TYPE"]:
            return
        here = (self.body.position[0], self.body.position[1])
        if self._last_photo is None or math.dist(here, self._last_photo) >= self._spacing_m:
            self._last_photo = here
            self.photograph()

    # --- failsafes ----------------------------------------------------------------------------------------------

    def _battery_failsafe(self) -> None:
        left = self.body.battery.share * self.parameters["BATT_CAPACITY"]
        if left < self.parameters["BATT_CRT_MAH"] and self.failsafe != "critical battery":
            self.fail_safe("critical battery", "Battery 1 is critical", int(self.parameters["BATT_FS_CRT_ACT"]))
        elif left < self.parameters["BATT_LOW_MAH"] and self.failsafe not in {"battery", "critical battery"}:
            self.fail_safe("battery", "Battery 1 is low", int(self.parameters["BATT_FS_LOW_ACT"]))

    def _position_failsafe(self, dt_s: float) -> None:
        """Land when the position has been lost for two seconds and the mode needs one (FS_EKF_ACTION 1)."""
        self._blind_s = 0.0 if self.gps_ok else self._blind_s + dt_s
        needs = self.mode in {Mode.AUTO, Mode.GUIDED, Mode.LOITER, Mode.RTL, Mode.SMART_RTL, Mode.BRAKE}
        if self._blind_s > 2.0 and needs and self.body.flying and self.parameters["FS_EKF_ACTION"]:
            self.fail_safe("position", "EKF Failsafe: no position", 1)

    def _fence_failsafe(self) -> None:
        if not self.parameters["FENCE_ENABLE"] or not self.body.flying:
            return
        breach = self.fence_breach()
        if breach and breach != self.breach:
            self.say(Severity.CRITICAL, f"Fence breached: {breach}")
            self.breach_count += 1
            if self.parameters["FENCE_ACTION"] >= 1 and self.mode not in {Mode.RTL, Mode.LAND}:
                self.fail_safe("fence", "Fence", 2)
        self.breach = breach

    def fence_breach(self) -> str:
        """Return which fence is breached now ("altitude", "circle", "polygon"), or nothing."""
        if self._rings_of is not self.lists[1]:
            self._rings_of, self._rings = self.lists[1], fence_rings(self.lists[1], self.locate, self.nav_offset_m)
        return breach_of(self._estimate(), self.parameters, self._rings)

    def _estimate(self) -> tuple[float, float, float]:
        """Return where the autopilot believes it is."""
        here = self.body.position
        return here[0] + self.nav_offset_m[0], here[1] + self.nav_offset_m[1], here[2]

    def restart(self) -> None:
        """Start anew, as after a watchdog reset: on the ground disarmed; in the air it comes home, its place lost."""
        self.time_s = 0.0
        self.item = 0
        self._leg_running = False
        self._hold_until_s = self._armed_at_s = 0.0
        self._return_hold_s = None
        if self.body.flying:
            self.say(Severity.CRITICAL, "Watchdog reset in flight - RTL")
            self.mode = Mode.RTL
            self._return_climbed = False
            self._spacing_m = 0.0
        else:
            self.armed = False
            self.mode = Mode.STABILIZE

    def fail_safe(self, name: str, text: str, action: int) -> None:
        """Act on a failsafe: 0 only warns, 1 lands, 2 returns (BATT_FS_LOW_ACT's numbers)."""
        self.failsafe = name
        doing = {1: "Landing", 2: "RTL"}.get(action, "warning only")
        self.say(Severity.WARNING, f"{text} - {doing}")
        if not self.body.flying or self.mode is Mode.LAND:
            return
        if action == 1 or (action == 2 and not self.gps_ok):
            self.mode = Mode.LAND
        elif action == 2 and self.mode is not Mode.RTL:
            self.set_mode(Mode.RTL)


def _near_end(
    start: tuple[float, float, float], end: tuple[float, float, float], here: list[float], margin_m: float
) -> bool:
    """Return whether ``here`` has come within ``margin_m`` of the end along the leg, or past it, near the line."""
    east, north = end[0] - start[0], end[1] - start[1]
    length = math.hypot(east, north)
    if length < 1e-3:
        return math.dist(here[:2], end[:2]) < 1.0
    along = ((here[0] - start[0]) * east + (here[1] - start[1]) * north) / length
    across = abs((here[0] - start[0]) * north - (here[1] - start[1]) * east) / length
    return along >= length - margin_m and across < 5.0
