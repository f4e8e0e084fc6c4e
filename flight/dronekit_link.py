"""The link that flies with DroneKit: the one module that imports it, and the guards it needs.

DroneKit 2.9.2 is unmaintained and silent when things go wrong. Here it keeps what it is good at (the vehicle object,
its attributes and modes) and gets what it lacks: an import that works on Python 3.11, a connection that neither spins
nor leaks (``dronekit_port``), waiting by name with a time limit (``dronekit_asking``), lists that are acknowledged and
read back (``dronekit_exchange``), commands whose answer is heard (``dronekit_commands``), reports that are absent
rather than stale (``dronekit_reports``), and a close that closes. Those parts are in ``flight.mavlink``.

ArduCopter 4.x and PX4 multirotors are flown; other autopilots and vehicle types are refused on connecting.
"""

from __future__ import annotations

import collections
import collections.abc
import contextlib
import logging
import math
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from core.clock import Clock, SystemClock
from core.errors import LinkFailed, VehicleRefused
from core.points import GeoPoint, distance_m
from core.text import _
from flight.flight_log import PhotoGap, Trigger
from flight.flight_plan import Sortie
from flight.link import VehicleHealth, VehicleState
from flight.mavlink.dronekit_asking import Asking
from flight.mavlink.dronekit_commands import Commander, CommandUnknown
from flight.mavlink.dronekit_exchange import Exchange, ListType
from flight.mavlink.dronekit_port import Port, load_pymavlink
from flight.mavlink.dronekit_reports import GIMBAL_PARAMETER, OWN_CHECKS, Reports, lacking_text
from flight.mavlink.dronekit_texts import StatusTexts
from flight.mavlink.dronekit_wire import open_wire
from flight.mavlink.mission import Command, Dialect, MissionItem, mission_items, navigation_seq
from flight.track import Pose

Message: TypeAlias = Any  # a pymavlink message
Module: TypeAlias = Any  # a module without types

_HOME_POSITION, _STORAGE_INFORMATION, _CAMERA_FEEDBACK = 242, 261, 180
_HOME_REACH_M: Final = 50.0
_OWN_CHECKS_S: Final = 15.0  # how long the autopilot's own checks are waited for once it knows where it is
_SIMULATOR_PARAMETERS: Final = ("SIM_SPEEDUP", "SIM_BAT_DRAIN")
_ASK_CAMERA_EVERY_S: Final = 5.0
_NEXT_BEAT_S: Final = 1.5  # heartbeats come once a second
_MODES: Final = {
    # What we order → the autopilot's mode: ArduCopter's custom_mode, PX4's (main, sub).
    Dialect.ARDUPILOT: {"mission": (3, 0), "ready": (4, 0), "return": (6, 0), "land": (9, 0), "hold": (17, 0)},
    Dialect.PX4: {"mission": (4, 4), "ready": (4, 3), "return": (4, 5), "land": (4, 6), "hold": (4, 3)},
}
_C_SET_MODE, _C_SET_HOME, _C_PAUSE, _C_JUMP, _C_START, _C_ARM = 176, 179, 193, 224, 300, 400
_C_PREARM_CHECKS = 401
_MISSION_MODES: Final = frozenset({"AUTO", "MISSION"})


def load_dronekit() -> Module:
    """Return the ``dronekit`` module, made importable on today's Python.

    DroneKit reads ``collections.MutableMapping``, which Python 3.10 removed. The name is lent for the import only.
    """
    load_pymavlink()
    lend = not hasattr(collections, "MutableMapping")
    if lend:
        collections.MutableMapping = collections.abc.MutableMapping  # type: ignore[attr-defined]
    try:
        import dronekit
    finally:
        if lend:
            del collections.MutableMapping  # type: ignore[attr-defined]
    # What the vehicle says goes to the flight log and the crew, not to whatever logging prints on the terminal.
    autopilot = logging.getLogger("autopilot")
    autopilot.propagate = False
    if not autopilot.handlers:
        autopilot.addHandler(logging.NullHandler())  # or Python prints what nobody else takes
    return dronekit


def connect(
    address: str,
    *,
    timeout_s: float = 30.0,
    clock: Clock | None = None,
    system_id: int | None = None,
    signing_key: bytes | None = None,
    silence_s: float = 6.0,
    tap: Callable[[bool, str, bytes], None] | None = None,
) -> DroneKitLink:
    """Connect to a vehicle and wait until everything needed to fly it has been heard.

    Args:
        address: See :func:`flight.mavlink.dronekit_wire.open_wire`.
        timeout_s: For the whole of connecting, seconds.
        clock: The clock; the system's when None.
        system_id: MAVLink id of the vehicle; None takes the first autopilot that is heard.
        signing_key: 32 bytes for MAVLink signing, or None for none.
        silence_s: How long the vehicle may leave a question about its lists unanswered, seconds; a third of it for
            commands.
        tap: Called with (sent, name, bytes) for every message from the first one on.

    Raises:
        LinkFailed: Nothing is there, or it did not say all of
            :data:`flight.mavlink.dronekit_asking.NEEDED` in time; the text names what is missing.
        VehicleRefused: It is no multirotor of ArduPilot or PX4.
        ValueError: The signing key has not 32 bytes.
    """
    until = time.monotonic() + timeout_s
    if signing_key is not None and len(signing_key) != 32:
        raise ValueError("a MAVLink signing key has 32 bytes")
    port = Port(open_wire(address, timeout_s=timeout_s), address, system_id=system_id, signing_key=signing_key)
    if tap is not None:
        port.add_tap(tap)
    try:
        return DroneKitLink(port, clock or SystemClock(), until, silence_s)
    except BaseException:
        port.close()
        raise


class DroneKitLink:
    """A connected vehicle; see :class:`flight.link.Link` for what its methods promise. Made by :func:`connect`."""

    def __init__(self, port: Port, clock: Clock, until: float, silence_s: float) -> None:
        dronekit = load_dronekit()

        class QuietVehicle(dronekit.Vehicle):  # type: ignore[misc, name-defined]
            """DroneKit's vehicle without its background load of every parameter (1,380 of them, 41 s)."""

            _params_start = property(lambda _self: False, lambda _self, _value: None)

        self._port = port
        self._reports = Reports(clock=clock)
        self._asking = Asking(port=port, reports=self._reports)
        self._commander = Commander(
            mavlink=port.mavlink, send=self._send, alive=self._port.require_alive, answer_s=max(0.5, silence_s / 3)
        )
        self._exchange = Exchange(mavlink=port.mavlink, send=self._send, silence_s=silence_s)
        self._texts = StatusTexts()
        self._listeners: list[Callable[[Trigger], None]] = []
        self._items: tuple[MissionItem, ...] = ()
        self._waypoint_of: dict[int, int] = {}
        self._sortie: Sortie | None = None
        self._own_heartbeat_at = self._asked_camera_at = 0.0
        self._closed = False
        self.dialect = Dialect.ARDUPILOT
        port.forward_message(self._hear)
        self._vehicle = QuietVehicle(port)
        self._vehicle._heartbeat_error = 0  # noqa: SLF001 - or its reader dies of silence; we watch silence ourselves
        port.forward_loop(self._turn)
        port.start()
        self.dialect = self._asking.meet(until)

    # --- the reader's thread ------------------------------------------------------------------------------------

    def _turn(self, _port: object) -> None:
        """Send heartbeats as fast as the *vehicle's* time asks for: a simulator at ten times needs ten a second.

        DroneKit sends one a wall-clock second; these are the rest: two a second of vehicle time, and ten a wall-clock
        second until it is known how fast the vehicle's time runs.
        """
        now = time.monotonic()
        self._said(self._texts.overdue(now))
        if self._sortie is not None and now - self._asked_camera_at > _ASK_CAMERA_EVERY_S:
            # The report of the last photograph may be lost with nothing behind it to show the gap; it can be had again.
            self._asked_camera_at = now
            self._asking.ask(_CAMERA_FEEDBACK)
        times = self._reports.times
        every_s = 0.1 if not times.rate_known else 1 / min(40.0, 2 * times.rate)
        if (times.rate > 1.3 or not times.rate_known) and now - self._own_heartbeat_at > every_s:
            self._own_heartbeat_at = now
            mav = self._port.mavlink
            self._send(mav.MAVLink_heartbeat_message(mav.MAV_TYPE_GCS, mav.MAV_AUTOPILOT_INVALID, 0, 0, 0, 3))

    def _said(self, texts: list[str]) -> None:
        for text in texts:
            self._commander.said(text)
            self._reports.said(text)

    def _hear(self, _port: object, message: Message) -> None:
        name = message.get_type()
        if name == "COMMAND_ACK":
            self._commander.acknowledged(message)
        elif name == "STATUSTEXT":
            self._said(self._texts.heard(message, time.monotonic()))
        elif name == "MISSION_CURRENT" and self._sortie is not None and message.seq in self._waypoint_of:
            # For vehicles without a gimbal report: what was ordered stands in, and the trigger says so.
            waypoint = self._sortie.waypoints[self._waypoint_of[message.seq]]
            self._reports.camera.planned_pitch_deg = waypoint.gimbal_pitch_deg
        self._reports.take(message)
        self._exchange.receive(message)
        self._give_triggers()

    def _give_triggers(self, *, flush: bool = False) -> None:
        for trigger in self._reports.camera.settled(flush=flush):
            for listener in tuple(self._listeners):
                listener(trigger)

    # --- sending ------------------------------------------------------------------------------------------------

    def _send(self, message: Message) -> None:
        self._port.master.mav.send(message)

    def _set_mode(self, name: str, what: str) -> None:
        main, sub = _MODES[self.dialect][name]
        custom = (float(main),) if self.dialect is Dialect.ARDUPILOT else (float(main), float(sub))
        self._commander.order(_C_SET_MODE, 1.0, *custom, what=what)

    # --- loading ------------------------------------------------------------------------------------------------

    def upload(self, sortie: Sortie) -> None:
        """Set home, load the sortie and verify every item; see :class:`flight.link.Link`."""
        self._port.require_alive()
        if not self.state().armed:
            self.set_home(sortie.waypoints[0].position)
        items = self._items_of(sortie)
        self._exchange.store(items, ListType.MISSION, dialect=self.dialect, alive=self._port.require_alive)
        self._take_over(sortie, items)

    def adopt(self, sortie: Sortie, taken: Sequence[Trigger] = ()) -> None:
        """Read the mission back and compare it with the sortie; see :class:`flight.link.Link`."""
        self._port.require_alive()
        items = self._items_of(sortie)
        self._exchange.verify(items, ListType.MISSION, dialect=self.dialect, alive=self._port.require_alive)
        self._take_over(sortie, items, taken)

    def _items_of(self, sortie: Sortie) -> tuple[MissionItem, ...]:
        home = sortie.waypoints[0].position
        return mission_items(sortie, home, dialect=self.dialect, home_msl_m=self._home_msl_m())

    def _take_over(self, sortie: Sortie, items: tuple[MissionItem, ...], taken: Sequence[Trigger] = ()) -> None:
        if self.dialect is Dialect.ARDUPILOT and GIMBAL_PARAMETER not in self._reports.parameters:
            self.parameters([GIMBAL_PARAMETER])  # what its reports mean depends on it
        self._items, self._sortie = items, sortie
        self._reports.camera.begin_sortie(taken)
        self._asking.ask(_CAMERA_FEEDBACK)
        self._waypoint_of = {item.seq: item.waypoint for item in items if item.waypoint >= 0}

    def upload_fence(self, items: tuple[MissionItem, ...]) -> None:
        """Load the fence and verify it; see :class:`flight.link.Link`."""
        self._exchange.store(items, ListType.FENCE, dialect=self.dialect, alive=self._port.require_alive)

    def upload_rally(self, items: tuple[MissionItem, ...]) -> None:
        """Load the rally points and verify them; see :class:`flight.link.Link`."""
        self._exchange.store(items, ListType.RALLY, dialect=self.dialect, alive=self._port.require_alive)

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
        place = (round(home.lat_deg * 1e7), round(home.lon_deg * 1e7), self._home_msl_m())
        self._commander.order_at(_C_SET_HOME, place, what=_("set home"))

    def _home_msl_m(self) -> float:
        """Return the height above mean sea level of the ground it stands on (of home, when it is in the air)."""
        position = self._reports.word("GLOBAL_POSITION_INT")
        return float(position.alt - (position.relative_alt if self.state().armed else 0)) / 1000

    # --- parameters ---------------------------------------------------------------------------------------------

    def parameters(self, names: Iterable[str]) -> dict[str, float | None]:
        """Read parameters by name; see :class:`flight.link.Link`."""
        wanted, asked_at = list(names), time.monotonic()
        heard = self._reports.parameters
        for _attempt in range(3):
            missing = [name for name in wanted if heard.get(name, (-math.inf, 0.0))[0] < asked_at]
            if not missing:
                break
            for name in missing:
                self._send(self._port.mavlink.MAVLink_param_request_read_message(0, 0, name.encode(), -1))
            until = time.monotonic() + 0.7
            with self._reports.changed:
                while any(heard.get(n, (-math.inf, 0.0))[0] < asked_at for n in missing) and time.monotonic() < until:
                    self._port.require_alive()
                    self._reports.changed.wait(0.1)
        return {name: heard[name][1] if heard.get(name, (-math.inf,))[0] >= asked_at else None for name in wanted}

    def set_parameter(self, name: str, value: float) -> None:
        """Set a parameter and hear it confirmed; see :class:`flight.link.Link`."""
        before = self.parameters([name])[name]
        if before is None:
            raise VehicleRefused(_("The vehicle has no parameter {name}.").format(name=name))
        kind, raw = 9, value  # MAV_PARAM_TYPE_REAL32
        if self.dialect is Dialect.PX4:
            held = self._reports.word("PARAM_VALUE")
            kind = held.param_type if held is not None else kind
            raw = value if kind == 9 else struct.unpack("<f", struct.pack("<i", int(value)))[0]
        for _attempt in range(3):
            self._send(self._port.mavlink.MAVLink_param_set_message(0, 0, name.encode(), raw, kind))
            now = self.parameters([name])[name]
            if now is not None and math.isclose(now, value, rel_tol=1e-6, abs_tol=1e-6):
                return
        raise VehicleRefused(
            _("The vehicle did not take {name} = {value:g}; it holds {held}.").format(name=name, value=value, held=now)
        )

    def is_simulator(self) -> bool:
        """Return whether the vehicle has a parameter that only simulators have (ArduPilot's SITL, PX4's)."""
        return any(value is not None for value in self.parameters(_SIMULATOR_PARAMETERS).values())

    @property
    def time_rate(self) -> float:
        """Vehicle seconds per second of the wall clock: 1 in the air, more in a simulator."""
        return self._reports.times.rate

    # --- flying -------------------------------------------------------------------------------------------------

    def await_ready(self, timeout_s: float, say: Callable[[str], None] | None = None) -> None:
        """Wait for position, estimator and the autopilot's own checks; see :class:`flight.link.Link`."""
        began, checks_until, said = time.monotonic(), None, ""
        while (now := time.monotonic()) - began < timeout_s:
            self._port.require_alive()
            lacking = self._reports.lacking(self._vehicle)
            # Of the autopilot's own checks some settle by themselves within seconds, and some never do.
            checks_until = (checks_until or now + _OWN_CHECKS_S) if lacking == OWN_CHECKS else None
            if not lacking or (checks_until is not None and now >= checks_until):
                return
            if say is not None and lacking != said:
                said = lacking
                say(lacking_text(lacking))
            with self._reports.changed:
                self._reports.changed.wait(0.2)

    def arm_and_start(self) -> None:
        """Arm and begin the mission; see :class:`flight.link.Link`."""
        if self._sortie is None:
            raise ValueError("upload a sortie before starting it")
        current = self._reports.word("MISSION_CURRENT")
        if current is not None and current.seq > 1:
            # ArduPilot takes a mission up where an older one was left, unless it is told to begin.
            self._jump(0, _("begin the mission at its beginning"))
        self._set_mode("ready", _("get ready to arm"))
        self._commander.order(_C_ARM, 1.0, what=_("arm"))
        # At once: an armed vehicle that is not told to take off disarms itself, and in a fast simulator soon.
        try:
            if self.dialect is Dialect.PX4:
                self._set_mode("mission", _("begin the mission"))
            self._commander.order(_C_START, what=_("begin the mission"))
            self._await_mission()
        except LinkFailed:
            self._disarm_quietly()
            raise

    def _disarm_quietly(self) -> None:
        """Disarm a vehicle that armed and would not start; one that flies already refuses, and rightly."""
        try:
            self._commander.order(_C_ARM, 0.0, what=_("disarm"), tries=1)
        except LinkFailed:
            return

    def _await_mission(self, timeout_s: float = 8.0) -> None:
        until = time.monotonic() + timeout_s
        # In the air counts too: a failsafe may have ended the mission before this look at it.
        while not ((state := self.state()).armed and (state.mode in _MISSION_MODES or state.landed is False)):
            if time.monotonic() > until:
                raise LinkFailed(
                    _("The vehicle acknowledged the start and did not begin: mode {mode}, {armed}.").format(
                        mode=state.mode, armed=_("armed") if state.armed else _("not armed")
                    )
                )
            with self._reports.changed:
                self._reports.changed.wait(0.1)

    def pause(self) -> None:
        """Stop and hold; see :class:`flight.link.Link`."""
        if self.dialect is Dialect.ARDUPILOT and self.state().mode in _MISSION_MODES:
            try:
                self._commander.order(_C_PAUSE, 0.0, what=_("pause"))
            except CommandUnknown:
                pass  # ArduCopter before 4.3; BRAKE holds too
            except VehicleRefused:
                # ArduCopter pauses on the way between waypoints only. In a climb, a hover or a landing of the mission
                # BRAKE stops it; a failsafe that has begun stands, for the mode tells of it.
                if not self._still_in_mission():
                    raise
            else:
                return
        self._set_mode("hold", _("hold"))

    def _still_in_mission(self) -> bool:
        """Return whether a heartbeat from now on says that the mission is flown still."""
        asked_at = time.monotonic()
        while time.monotonic() - asked_at < _NEXT_BEAT_S:
            self._port.require_alive()
            with self._reports.changed:
                self._reports.changed.wait(0.1)
            if self._reports.latest["HEARTBEAT"][0] > asked_at:
                break
        return self.state().mode in _MISSION_MODES

    def resume(self) -> None:
        """Go on with the mission; see :class:`flight.link.Link`."""
        if self.dialect is Dialect.ARDUPILOT and self.state().mode in _MISSION_MODES:
            try:
                self._commander.order(_C_PAUSE, 1.0, what=_("continue"))
            except VehicleRefused:
                # The mode that was known may be older than the BRAKE of the pause; a heartbeat from now on tells.
                if self._still_in_mission():
                    raise
            else:
                return
        self._set_mode("mission", _("continue"))

    def land(self) -> None:
        """Land where it is."""
        self._set_mode("land", _("land"))

    def return_home(self) -> None:
        """Order the vehicle home."""
        self._set_mode("return", _("return home"))

    def skip_to(self, waypoint: int) -> None:
        """Fly on to a waypoint, with its leg's speed and camera; see :class:`flight.link.Link`."""
        if self._sortie is None or not 0 < waypoint < len(self._sortie.waypoints):
            raise ValueError(f"there is no waypoint {waypoint} to fly to in the loaded sortie")
        leg = self._sortie.waypoints[waypoint]
        # The items passed over would have set these; those of the leg itself, which come with the jump, only say what
        # differs from the leg before it. An aircraft without a gimbal or a camera says no to those two, and skips too.
        self._commander.order(Command.DO_CHANGE_SPEED, 1.0, leg.speed_m_s, what=_("set the speed"))
        pitch = (leg.gimbal_pitch_deg, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0)
        for number, params, what in (
            (Command.DO_MOUNT_CONTROL, pitch, _("tilt the camera")),
            (Command.DO_SET_CAM_TRIGG_DIST, (0.0,), _("stop photographing")),
        ):
            with contextlib.suppress(VehicleRefused):
                self._commander.order(number, *params, what=what)
        self._jump(navigation_seq(self._items, waypoint), _("skip to waypoint {number}").format(number=waypoint))

    def _jump(self, seq: int, what: str) -> None:
        """Make ``seq`` the current item; firmware without the command knows the older message, which has no answer."""
        try:
            self._commander.order(_C_JUMP, float(seq), what=what)
        except CommandUnknown:
            self._send(self._port.mavlink.MAVLink_mission_set_current_message(0, 0, seq))

    # --- reports ------------------------------------------------------------------------------------------------

    def state(self) -> VehicleState:
        """Return the present state; see :class:`flight.link.Link`."""
        self._port.require_alive()
        return self._reports.state(self._vehicle, self._waypoint_of)

    def health(self) -> VehicleHealth:
        """Return what the preflight checklist asks; see :class:`flight.link.Link`."""
        self._port.require_alive()
        for message_id, name in ((_HOME_POSITION, "HOME_POSITION"), (_STORAGE_INFORMATION, "STORAGE_INFORMATION")):
            self._reports.latest.pop(name, None)
            self._asking.ask(message_id)
            self._asking.await_message(name, time.monotonic() + 0.8)
        said = self._commander.answer_texts(_C_PREARM_CHECKS)
        texts = tuple(dict.fromkeys(text for text in said if text.startswith("PreArm")))
        return replace(self._reports.health(self._vehicle, self._port.packet_loss()), prearm_texts=texts)

    def messages(self) -> Iterator[str]:
        """Yield the status texts since the last call."""
        return self._reports.texts()

    def poses(self) -> Iterator[Pose]:
        """Yield the camera's poses since the last call."""
        return self._reports.poses()

    def photo_gaps(self) -> Iterator[PhotoGap]:
        """Yield the photographs found missing since the last call; see :class:`flight.link.Link`."""
        yield from self._reports.camera.gaps()

    def on_trigger(self, listener: Callable[[Trigger], None]) -> None:
        """Call ``listener`` for every photograph, from the reader's thread."""
        self._listeners.append(listener)

    def on_message(self, listener: Callable[[bool, str, bytes], None]) -> None:
        """Call ``listener`` with (sent, name, bytes) for every message; see :class:`flight.link.Link`."""
        self._port.add_tap(listener)

    def close(self) -> None:
        """End the reader's thread and close the wire; calling it again does nothing."""
        if self._closed:
            return
        self._closed = True
        self._port.close()
        self._give_triggers(flush=True)
        self._listeners.clear()
        self._port.taps.clear()
        self._vehicle._handler = self._vehicle._master = None  # noqa: SLF001 - or listeners keep the port alive
