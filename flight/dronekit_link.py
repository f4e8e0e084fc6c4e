"""The link that flies with DroneKit: the one module that imports it, and the guards it needs.

DroneKit 2.9.2 is unmaintained and silent when things go wrong. Here it keeps what it is good at (the vehicle object,
its attributes and modes, parameters) and gets what it lacks: an import that works on Python 3.11, a connection that
neither spins nor leaks (``flight.dronekit_port``), waiting by name with a time limit, a mission upload that is
acknowledged and read back (``flight.dronekit_exchange``), commands whose answer is heard, refusals in the vehicle's own
words, and a close that closes. Every method either does what it says or raises ``LinkFailed``.

ArduCopter 4.x and PX4 multirotors are flown; other autopilots and vehicle types are refused on connecting.
"""

from __future__ import annotations

import collections
import collections.abc
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from core.clock import Clock, SystemClock
from core.errors import LinkFailed, VehicleRefused
from core.heights import Geoid, HaeHeight, MslHeight, TakeoffHeight
from core.points import GeoPoint, distance_m
from core.text import _
from flight.dronekit_camera import CameraReports, VehicleTime
from flight.dronekit_exchange import Exchange, ListType
from flight.dronekit_port import Port
from flight.dronekit_wire import open_wire
from flight.flight_log import Trigger
from flight.flight_plan import Sortie
from flight.link import VehicleState
from flight.mission import Dialect, MissionItem, mission_items
from flight.track import Pose

NEEDED: Final = ("HEARTBEAT", "SYS_STATUS", "GPS_RAW_INT", "GLOBAL_POSITION_INT", "ATTITUDE")
STREAM_HZ: Final = 5.0
_STREAMS: Final = {  # MAVLink message id → hertz
    33: STREAM_HZ,  # GLOBAL_POSITION_INT
    30: STREAM_HZ,  # ATTITUDE
    285: STREAM_HZ,  # GIMBAL_DEVICE_ATTITUDE_STATUS
    1: 2.0,  # SYS_STATUS
    24: 2.0,  # GPS_RAW_INT
    74: 2.0,  # VFR_HUD
    42: 2.0,  # MISSION_CURRENT
    245: 2.0,  # EXTENDED_SYS_STATE
    2: 1.0,  # SYSTEM_TIME
    147: 1.0,  # BATTERY_STATUS
    193: 1.0,  # EKF_STATUS_REPORT
    168: 1.0,  # WIND
}
_MULTIROTORS: Final = frozenset({2, 3, 4, 13, 14, 15, 29, 35})  # MAV_TYPE of rotorcraft
_HOME_REACH_M: Final = 50.0
_POSITION_STALE_S: Final = 3.0
_RESULT_WORDS: Final = {
    1: "temporarily rejected",
    2: "denied",
    3: "unsupported",
    4: "failed",
    6: "cancelled",
}
_MODES: Final = {
    # What we order → the autopilot's mode: ArduCopter's custom_mode, PX4's (main, sub).
    Dialect.ARDUPILOT: {"mission": (3, 0), "ready": (4, 0), "return": (6, 0), "land": (9, 0), "hold": (17, 0)},
    Dialect.PX4: {"mission": (4, 4), "ready": (4, 3), "return": (4, 5), "land": (4, 6), "hold": (4, 3)},
}


def load_dronekit() -> Any:  # noqa: ANN401 - DroneKit has no types
    """Return the ``dronekit`` module, made importable on today's Python.

    DroneKit reads ``collections.MutableMapping``, which Python 3.10 removed. The name is lent for the import only.
    """
    from flight.dronekit_port import load_pymavlink

    load_pymavlink()
    lend = not hasattr(collections, "MutableMapping")
    if lend:
        collections.MutableMapping = collections.abc.MutableMapping  # type: ignore[attr-defined]
    try:
        import dronekit
    finally:
        if lend:
            del collections.MutableMapping  # type: ignore[attr-defined]
    return dronekit


def connect(
    address: str,
    *,
    timeout_s: float = 30.0,
    clock: Clock | None = None,
    system_id: int | None = None,
    signing_key: bytes | None = None,
    tap: Callable[[bool, Any], None] | None = None,
) -> DroneKitLink:
    """Connect to a vehicle and wait until everything needed to fly it has been heard.

    Args:
        address: See :func:`flight.dronekit_wire.open_wire`.
        timeout_s: For the whole of connecting, seconds.
        clock: The clock; the system's when None.
        system_id: MAVLink id of the vehicle; None takes the first autopilot that is heard.
        signing_key: 32 bytes for MAVLink signing, or None for none.
        tap: Called with (sent, message) for every message, for the log.

    Raises:
        LinkFailed: Nothing is there, or it did not say all of :data:`NEEDED` in time; the text names what is missing.
        VehicleRefused: It is no multirotor of ArduPilot or PX4.
    """
    until = time.monotonic() + timeout_s
    port = Port(open_wire(address, timeout_s=timeout_s), address, system_id=system_id, signing_key=signing_key)
    if tap is not None:
        port.taps.append(tap)
    try:
        return DroneKitLink(port, clock or SystemClock(), until)
    except BaseException:
        port.close()
        raise


class DroneKitLink:
    """A connected vehicle; see :class:`flight.link.Link` for what its methods promise. Made by :func:`connect`."""

    def __init__(self, port: Port, clock: Clock, until: float) -> None:
        dronekit = load_dronekit()

        class QuietVehicle(dronekit.Vehicle):  # type: ignore[misc, name-defined]
            """DroneKit's vehicle without its background load of every parameter (1,380 of them, 41 s)."""

            _params_start = property(lambda _self: False, lambda _self, _value: None)

        self._port = port
        self._clock = clock
        self._latest: dict[str, tuple[float, Any]] = {}
        self._changed = threading.Condition()
        self._texts: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._recent_texts: collections.deque[tuple[float, str]] = collections.deque(maxlen=20)
        self._poses: queue.SimpleQueue[Pose] = queue.SimpleQueue()
        self._acks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._listeners: list[Callable[[Trigger], None]] = []
        self._times = VehicleTime()
        self._camera = CameraReports(times=self._times)
        self._exchange = Exchange(mavlink=port.mavlink, send=self._send)
        self._items: tuple[MissionItem, ...] = ()
        self._sortie: Sortie | None = None
        self._last_pose: Pose | None = None
        self._own_heartbeat_at = 0.0
        self._command_lock = threading.Lock()
        self._closed = False
        self.dialect = Dialect.ARDUPILOT
        port.forward_message(self._hear)
        self._vehicle = QuietVehicle(port)
        self._vehicle._heartbeat_error = 0  # noqa: SLF001 - or its reader dies of silence; we watch silence ourselves
        port.forward_loop(self._turn)
        port.start()
        self._await_needed(until)

    # --- connecting ---------------------------------------------------------------------------------------------

    def _await_needed(self, until: float) -> None:
        self._await_message("HEARTBEAT", until, NEEDED)
        beat = self._latest["HEARTBEAT"][1]
        dialects = {3: Dialect.ARDUPILOT, 12: Dialect.PX4}
        if beat.autopilot not in dialects or beat.type not in _MULTIROTORS:
            raise VehicleRefused(
                _(
                    "This vehicle (MAV_AUTOPILOT {autopilot}, MAV_TYPE {type}) is no ArduPilot or PX4 multirotor."
                ).format(autopilot=beat.autopilot, type=beat.type)
            )
        self.dialect = dialects[beat.autopilot]
        self._ask_for_streams()
        for name in NEEDED:
            self._await_message(name, until, NEEDED)
        # GNSS time is worth a moment's wait, not a refusal: indoors there is none.
        self._await_message("SYSTEM_TIME", min(until, time.monotonic() + 2.0), ())

    def _ask_for_streams(self) -> None:
        mav = self._port.mavlink
        if self.dialect is Dialect.ARDUPILOT:
            # For firmware and simulators that do not know SET_MESSAGE_INTERVAL, the old form first.
            self._send(mav.MAVLink_request_data_stream_message(0, 0, 0, int(STREAM_HZ), 1))
        for number, hertz in _STREAMS.items():
            params = (float(number), 1e6 / hertz, 0.0, 0.0, 0.0, 0.0, 0.0)
            self._send(mav.MAVLink_command_long_message(0, 0, 511, 0, *params))

    def _await_message(self, name: str, until: float, wanted: tuple[str, ...]) -> None:
        with self._changed:
            while name not in self._latest:
                left = until - time.monotonic()
                if not self._port.alive:
                    raise LinkFailed(self._port.obituary())
                if left <= 0:
                    if not wanted:
                        return
                    missing = [n for n in wanted if n not in self._latest]
                    raise LinkFailed(
                        _("{address}: the vehicle did not send {missing} in time.").format(
                            address=self._port.address, missing=", ".join(missing)
                        )
                    )
                self._changed.wait(min(left, 0.2))

    # --- the reader's thread ------------------------------------------------------------------------------------

    def _turn(self, _port: Any) -> None:  # noqa: ANN401
        """Send heartbeats as fast as the *vehicle's* time asks for: a simulator at ten times needs ten a second.

        DroneKit sends one a wall-clock second; these are the rest.
        """
        now = time.monotonic()
        rate = min(20.0, self._times.rate)
        if rate > 1.3 and now - self._own_heartbeat_at > 1 / rate:
            self._own_heartbeat_at = now
            mav = self._port.mavlink
            self._send(mav.MAVLink_heartbeat_message(mav.MAV_TYPE_GCS, mav.MAV_AUTOPILOT_INVALID, 0, 0, 0, 3))

    def _hear(self, _port: Any, message: Any) -> None:  # noqa: ANN401
        name = message.get_type()
        now = time.monotonic()
        if name == "HEARTBEAT":
            self._port.target_component = message.get_srcComponent()
        boot_ms = getattr(message, "time_boot_ms", None)
        if boot_ms is not None and name not in {"GIMBAL_DEVICE_ATTITUDE_STATUS", "MOUNT_ORIENTATION"}:
            self._times.heard(boot_ms / 1000, now, self._clock.now())
        special = _HEARERS.get(name)
        if special is not None:
            special(self, message)
        self._exchange.receive(message)
        with self._changed:
            self._latest[name] = (now, message)
            self._changed.notify_all()

    def _hear_time(self, message: Any) -> None:  # noqa: ANN401
        if self._times.unix_heard(message.time_unix_usec / 1e6, message.time_boot_ms / 1000):
            # Poses that still carry our clock instead of the vehicle's cannot stand in one track with what follows.
            self._last_pose = None
            while not self._poses.empty():
                self._poses.get_nowait()

    def _hear_text(self, message: Any) -> None:  # noqa: ANN401
        text = str(message.text).rstrip("\x00").strip()
        self._texts.put(text)
        self._recent_texts.append((time.monotonic(), text))

    def _hear_ack(self, message: Any) -> None:  # noqa: ANN401
        self._acks.put(message)

    def _hear_attitude(self, message: Any) -> None:  # noqa: ANN401
        if math.isfinite(message.yaw):
            self._camera.heading_deg = math.degrees(message.yaw) % 360

    def _hear_gimbal(self, message: Any) -> None:  # noqa: ANN401
        self._camera.gimbal(message)
        self._give_triggers()

    def _hear_photograph(self, message: Any) -> None:  # noqa: ANN401
        self._camera.photograph(message)
        self._give_triggers()

    def _give_triggers(self, *, flush: bool = False) -> None:
        for trigger in self._camera.settled(flush=flush):
            for listener in tuple(self._listeners):
                listener(trigger)

    def _hear_position(self, message: Any) -> None:  # noqa: ANN401
        position = _place(message.lat, message.lon)
        if position is None or self._times.zero is None:
            return
        boot_s = message.time_boot_ms / 1000
        at = self._times.utc(boot_s)
        if self._last_pose is not None and at <= self._last_pose.captured_at:
            return
        angles = self._camera.now()
        gps = self._latest.get("GPS_RAW_INT")
        ellipsoidal = getattr(gps[1], "alt_ellipsoid", 0) if gps is not None else 0
        height_hae = None
        if gps is not None and ellipsoidal:
            # GPS_RAW_INT gives the receiver's undulation; the height itself comes from the filter.
            height_hae = HaeHeight(metres=message.alt / 1000 + (ellipsoidal - gps[1].alt) / 1000)
        pose = Pose(
            captured_at=at,
            position=position,
            height_takeoff=TakeoffHeight(metres=message.relative_alt / 1000),
            height_hae=height_hae,
            height_msl=MslHeight(metres=message.alt / 1000, geoid=Geoid.UNSTATED),
            yaw_deg=None if angles is None else angles.yaw_deg,
            pitch_deg=None if angles is None else angles.pitch_deg,
            roll_deg=None if angles is None else angles.roll_deg,
        )
        self._last_pose = pose
        self._poses.put(pose)

    # --- sending ------------------------------------------------------------------------------------------------

    def _send(self, message: Any) -> None:  # noqa: ANN401
        self._port.master.mav.send(message)

    def _require_alive(self) -> None:
        if not self._port.alive:
            raise LinkFailed(self._port.obituary())

    def command(self, number: int, *params: float, what: str, timeout_s: float = 3.0, tries: int = 3) -> None:
        """Send COMMAND_LONG and hear its answer.

        Args:
            number: MAV_CMD.
            params: param1 … ; the rest is 0.
            what: What is asked, for the refusal's text ("arm").
            timeout_s: For one try, seconds.
            tries: How often it is sent.

        Raises:
            VehicleRefused: The vehicle said no; its status texts of the last seconds are in the text.
            LinkFailed: It said nothing.
        """
        full = (*params, *([0.0] * (7 - len(params))))
        make = self._port.mavlink.MAVLink_command_long_message
        self._ask(lambda attempt: make(0, 0, number, min(attempt, 255), *full), number, what, timeout_s, tries)

    def _ask(self, make: Callable[[int], Any], number: int, what: str, timeout_s: float, tries: int) -> None:
        with self._command_lock:
            while not self._acks.empty():
                self._acks.get_nowait()
            began = time.monotonic()
            for attempt in range(tries):
                self._require_alive()
                self._send(make(attempt))
                ack = self._next_ack(number, timeout_s)
                if ack is None:
                    continue
                if ack.result == 0:
                    return
                raise VehicleRefused(self._refusal(what, ack.result, began))
        raise LinkFailed(
            _("The vehicle was asked to {what} and gave no answer, {tries} times.").format(what=what, tries=tries)
        )

    def _next_ack(self, number: int, timeout_s: float) -> Any:  # noqa: ANN401
        until = time.monotonic() + timeout_s
        while (left := until - time.monotonic()) > 0:
            try:
                ack = self._acks.get(timeout=min(left, 0.5))
            except queue.Empty:
                self._require_alive()
                continue
            if ack.command != number:
                continue
            if ack.result == 5:  # IN_PROGRESS: it works on it; wait on
                until = time.monotonic() + timeout_s
                continue
            return ack
        return None

    def _refusal(self, what: str, result: int, since: float) -> str:
        # The reason comes as STATUSTEXT, often a moment behind the acknowledgement.
        time.sleep(0.3)
        words = list(dict.fromkeys(text for at, text in tuple(self._recent_texts) if at >= since - 0.2))
        reason = "; ".join(words) or _("no reason was given")
        verdict = _RESULT_WORDS.get(result, f"MAV_RESULT {result}")
        return _("The vehicle refused to {what} ({verdict}): {reason}.").format(
            what=what, verdict=verdict, reason=reason
        )

    def _set_mode(self, name: str, what: str) -> None:
        main, sub = _MODES[self.dialect][name]
        if self.dialect is Dialect.ARDUPILOT:
            self.command(176, 1.0, float(main), what=what)
        else:
            self.command(176, 1.0, float(main), float(sub), what=what)

    # --- Link ---------------------------------------------------------------------------------------------------

    def upload(self, sortie: Sortie) -> None:
        """Set home, load the sortie and verify every item; see :class:`flight.link.Link`."""
        self._require_alive()
        home = sortie.waypoints[0].position
        if not self._vehicle.armed:
            self.set_home(home)
        items = mission_items(sortie, home, dialect=self.dialect, home_msl_m=self._home_msl_m())
        self._exchange.store(items, ListType.MISSION, dialect=self.dialect, alive=self._require_alive)
        self._items, self._sortie = items, sortie

    def set_home(self, home: GeoPoint) -> None:
        """Set home deliberately, to a place at which the vehicle stands (within 50 m).

        Raises:
            VehicleRefused: The vehicle is elsewhere, or says no.
            LinkFailed: It has no position, or does not answer.
        """
        here = self.state().position
        if here is None:
            raise LinkFailed(_("The vehicle has no position; home cannot be set."))
        away_m = distance_m(here, home)
        if away_m > _HOME_REACH_M:
            raise VehicleRefused(
                _("The vehicle stands {away:.0f} m from the plan's home; carry it there or plan from here.").format(
                    away=away_m
                )
            )
        lat, lon, height = round(home.lat_deg * 1e7), round(home.lon_deg * 1e7), self._home_msl_m()
        make = self._port.mavlink.MAVLink_command_int_message
        self._ask(
            lambda _attempt: make(0, 0, 0, 179, 0, 0, 0.0, 0.0, 0.0, 0.0, lat, lon, height),
            179, _("set home"), 3.0, 3,
        )  # fmt: skip

    def _home_msl_m(self) -> float:
        """Return the height above mean sea level of the ground it stands on (or of home, in the air)."""
        position = self._latest["GLOBAL_POSITION_INT"][1]
        height = (position.alt - (position.relative_alt if self._vehicle.armed else 0)) / 1000
        return float(height)

    def arm_and_start(self) -> None:
        """Arm and begin the mission; see :class:`flight.link.Link`."""
        if self._sortie is None:
            raise ValueError("upload a sortie before starting it")
        self._set_mode("ready", _("get ready to arm"))
        self.command(400, 1.0, what=_("arm"), timeout_s=5.0, tries=2)
        # At once: an armed vehicle that is not told to take off disarms itself, and in a fast simulator soon.
        try:
            if self.dialect is Dialect.PX4:
                self._set_mode("mission", _("begin the mission"))
            self.command(300, what=_("begin the mission"))
            self._await_state(
                lambda s: s.armed and is_mission(s.mode), _("it acknowledged the start and did not begin")
            )
        except LinkFailed:
            self._disarm_quietly()
            raise

    def _disarm_quietly(self) -> None:
        """Disarm a vehicle that armed and would not start; that it may fail too is no news to anybody."""
        try:
            self.command(400, 0.0, what=_("disarm"), tries=1)
        except LinkFailed:
            return

    def _await_state(self, reached: Callable[[VehicleState], bool], otherwise: str, timeout_s: float = 8.0) -> None:
        until = time.monotonic() + timeout_s
        while not reached(self.state()):
            self._require_alive()
            if time.monotonic() > until:
                raise LinkFailed(_("The vehicle did not keep its word: {how}.").format(how=otherwise))
            with self._changed:
                self._changed.wait(0.1)

    def state(self) -> VehicleState:
        """Return the present state; see :class:`flight.link.Link`."""
        vehicle, now = self._vehicle, time.monotonic()
        beat_at, beat = self._latest.get("HEARTBEAT", (self._port.last_heard, None))
        at_position, position = self._latest.get("GLOBAL_POSITION_INT", (-math.inf, None))
        angles = self._camera.now()
        level = vehicle.battery.level
        speed = vehicle.groundspeed
        landed = self._latest.get("EXTENDED_SYS_STATE")
        at = self._clock.now()
        if self._times.zero is not None:
            at = self._times.utc(self._times.latest_s)
        fresh = position is not None and now - at_position <= _POSITION_STALE_S
        return VehicleState(
            at=at,
            position=_place(position.lat, position.lon) if fresh else None,
            height_takeoff_m=position.relative_alt / 1000 if position is not None else 0.0,
            yaw_deg=self._camera.heading_deg,
            gimbal_pitch_deg=None if angles is None else angles.pitch_deg,
            gimbal_yaw_deg=None if angles is None else angles.yaw_deg,
            gimbal_roll_deg=None if angles is None else angles.roll_deg,
            ground_speed_m_s=float(speed) if speed is not None and math.isfinite(speed) else 0.0,
            battery_share=None if level is None or not 0 <= level <= 100 else level / 100,
            armed=bool(beat is not None and beat.base_mode & 128),
            mode=self._mode(beat),
            item=int(vehicle.commands.next),
            heartbeat_age_s=now - beat_at,
            landed=None if landed is None or landed[1].landed_state == 0 else landed[1].landed_state == 1,
        )

    def _mode(self, beat: Any) -> str:  # noqa: ANN401
        from pymavlink import mavutil

        return "" if beat is None else str(mavutil.mode_string_v10(beat))

    def messages(self) -> Iterator[str]:
        """Yield the status texts since the last call."""
        while not self._texts.empty():
            yield self._texts.get_nowait()

    def poses(self) -> Iterator[Pose]:
        """Yield the camera's poses since the last call."""
        while not self._poses.empty():
            yield self._poses.get_nowait()

    def on_trigger(self, listener: Callable[[Trigger], None]) -> None:
        """Call ``listener`` for every photograph, from the reader's thread."""
        self._listeners.append(listener)

    def return_home(self) -> None:
        """Order the vehicle home."""
        self._set_mode("return", _("return home"))

    @property
    def items(self) -> tuple[MissionItem, ...]:
        """The mission that was uploaded last."""
        return self._items

    def close(self) -> None:
        """End the reader's thread and close the wire; calling it again does nothing."""
        if self._closed:
            return
        self._closed = True
        self._port.close()
        self._give_triggers(flush=True)
        self._listeners.clear()
        self._vehicle._handler = self._vehicle._master = None  # noqa: SLF001 - or listeners keep the port alive


def is_mission(mode: str) -> bool:
    """Return whether the autopilot flies its mission in this mode (ArduPilot's AUTO, PX4's MISSION)."""
    return mode in {"AUTO", "MISSION"}


def _place(lat_e7: int, lon_e7: int) -> GeoPoint | None:
    """Return a reported position, or None for what is none: 0/0 (no fix) or a number that is no place on Earth."""
    if (lat_e7 == 0 and lon_e7 == 0) or abs(lat_e7) > 900_000_000 or abs(lon_e7) > 1_800_000_000:
        return None
    return GeoPoint(lon_deg=lon_e7 / 1e7, lat_deg=lat_e7 / 1e7)


_HEARERS: Final[dict[str, Callable[[DroneKitLink, Any], None]]] = {
    "SYSTEM_TIME": DroneKitLink._hear_time,  # noqa: SLF001 - the table of this class's own listeners
    "STATUSTEXT": DroneKitLink._hear_text,  # noqa: SLF001
    "COMMAND_ACK": DroneKitLink._hear_ack,  # noqa: SLF001
    "ATTITUDE": DroneKitLink._hear_attitude,  # noqa: SLF001
    "GIMBAL_DEVICE_ATTITUDE_STATUS": DroneKitLink._hear_gimbal,  # noqa: SLF001
    "MOUNT_ORIENTATION": DroneKitLink._hear_gimbal,  # noqa: SLF001
    "MOUNT_STATUS": DroneKitLink._hear_gimbal,  # noqa: SLF001
    "CAMERA_FEEDBACK": DroneKitLink._hear_photograph,  # noqa: SLF001
    "CAMERA_IMAGE_CAPTURED": DroneKitLink._hear_photograph,  # noqa: SLF001
    "GLOBAL_POSITION_INT": DroneKitLink._hear_position,  # noqa: SLF001
}
