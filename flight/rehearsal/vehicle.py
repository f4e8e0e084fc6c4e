"""The rehearsal vehicle: an ArduCopter of our own that speaks real MAVLink 2 over TCP on loopback.

Whoever flies it knows it by its protocol alone; the same driver flies a real autopilot. It knows the truth of its own
flight and gives it, besides the link, to the renderer that makes its photographs: :meth:`RehearsalVehicle.true_track`
and :meth:`RehearsalVehicle.true_triggers`. What it reports by the link carries sensor errors.

One thread owns everything; public methods that touch it from outside go through its lock. Physics advance in steps of
vehicle time, ``speedup`` times as fast as the wall clock; heartbeats are sent once a wall-clock second, and the
ground-station failsafe counts wall-clock seconds, so no speed-up trips it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import numpy as np

from core.clock import in_utc
from core.points import GeoPoint, LocalPlane, to_enu
from flight.flight_log import Trigger
from flight.mavlink.mission import Dialect
from flight.patrol import Wind
from flight.rehearsal.vehicle_autopilot import Autopilot
from flight.rehearsal.vehicle_body import Body, BodyFigures, draw_sensors
from flight.rehearsal.vehicle_commands import PX4_MODES, Commands
from flight.rehearsal.vehicle_faults import Fault, LinkFaults, Phase, Planned
from flight.rehearsal.vehicle_mishaps import Mishaps
from flight.rehearsal.vehicle_protocol import Protocol
from flight.rehearsal.vehicle_radio import Radio
from flight.rehearsal.vehicle_telemetry import STREAMS, Instruments, build, quaternion
from flight.rehearsal.vehicle_truth import TrueFlight, TrueInstant
from flight.rehearsal.vehicle_vocabulary import Mode, Severity
from flight.track import Track

Message: TypeAlias = Any  # a pymavlink message
Codec: TypeAlias = Any  # pymavlink's MAVLink object

STEP_S: Final = 0.05
_RECORD_EVERY_S: Final = 0.1


class RehearsalVehicle:
    """A simulated multirotor to fly against; use as a context manager, or ``start`` and ``stop`` it.

    Args:
        home: Where it stands.
        home_hae_m: Height of that place above the WGS-84 ellipsoid, metres.
        undulation_m: Geoid undulation there, metres; reported mean-sea-level heights are HAE minus this.
        heading_deg: Where it points at first.
        speedup: Vehicle seconds per wall-clock second.
        start_at: The vehicle's time at start, aware; the wall clock's when None.
        seed: Of everything random.
        wind: The wind it flies in.
        noise: Scale of gusts, shake and sensor errors; 0 for a perfect flight.
        battery_share: Charge at start, in (0, 1].
        figures: The airframe.
        faults: What goes wrong, and when.
        system_id: MAVLink system id.
        heartbeat_every_s: Seconds of the wall clock between heartbeats.
        dialect: Whose reading of MAVLink it speaks; the flying is ArduCopter's in both.
        signing_key: 32 bytes; when given, unsigned messages are not heard and all are signed.
        own_time: Whether heartbeats, the ground-station failsafe and the patience of the mission protocol count
            vehicle time, as a real autopilot in a simulator does. A busy station then has a tenth of the time at ten
            times the speed, so rehearsals leave it off.
    """

    def __init__(
        self,
        home: GeoPoint,
        *,
        home_hae_m: float = 0.0,
        undulation_m: float = 0.0,
        heading_deg: float = 0.0,
        speedup: float = 1.0,
        start_at: datetime | None = None,
        seed: int = 0,
        wind: Wind | None = None,
        noise: float = 1.0,
        battery_share: float = 1.0,
        figures: BodyFigures | None = None,
        faults: Sequence[Planned] = (),
        system_id: int = 1,
        heartbeat_every_s: float = 1.0,
        dialect: Dialect = Dialect.ARDUPILOT,
        signing_key: bytes | None = None,
        own_time: bool = False,
    ) -> None:
        if not (math.isfinite(speedup) and 0 < speedup <= 200):
            raise ValueError("the speed-up is positive and at most 200")
        if not 0 < battery_share <= 1:
            raise ValueError("the battery's charge at start is a share in (0, 1]")
        if not 1 <= system_id <= 250:
            raise ValueError("a MAVLink system id is in [1, 250]")
        self.speedup = speedup
        rng = np.random.default_rng(seed)
        blow = wind or Wind()
        away = math.radians(blow.from_deg + 180)
        self._body = Body(
            figures or BodyFigures(),
            rng,
            wind=(blow.speed_m_s * math.sin(away), blow.speed_m_s * math.cos(away)),
            noise=noise,
            heading_deg=heading_deg % 360,
        )
        self._body.battery.share = battery_share
        self._autopilot = Autopilot(self._body, self._locate, self._say, self._photograph, self._reached)
        self._autopilot.parameters["SYSID_THISMAV"] = float(system_id)
        self._autopilot.parameters["SIM_SPEEDUP"] = float(speedup)
        self._see = Instruments(
            body=self._body,
            autopilot=self._autopilot,
            sensors=draw_sensors(rng, scale=noise),
            plane=LocalPlane(origin=home),
            home_hae_m=home_hae_m,
            undulation_m=undulation_m,
            start_at=in_utc(start_at) if start_at is not None else datetime.now(UTC),
        )
        self._places: dict[tuple[int, int, float, int], tuple[float, float, float]] = {}
        self._truth = TrueFlight()
        self._recorded_s = -math.inf
        self._began = self._done_s = 0.0
        self._heartbeat_every_s = heartbeat_every_s
        self._dialect = dialect
        if dialect is Dialect.PX4:
            self._autopilot.waypoint_yaw = True
            self._see.item_shift = 1
        self._signing_key = signing_key
        self._own_time = own_time
        self._text_id = 0
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._mavlink: Any = None
        self._protocol: Protocol | None = None
        self._last_heartbeat = -math.inf
        self._faults = tuple(faults)
        self._link_faults = LinkFaults(np.random.default_rng(seed + 1))
        self._radio = Radio(
            new_codec=self._new_codec, hear=self._hear, joined=self._joined, faults=self._link_faults, lock=self._lock
        )
        self._mishaps: Mishaps | None = None
        self._told = (False, 0)
        self._last_ground_heartbeat: float | None = None

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self) -> str:
        """Begin to live and listen on an ephemeral loopback port; return the address, e.g. "tcp:127.0.0.1:40123"."""
        if self._thread is not None:
            raise ValueError("the rehearsal vehicle is already running")
        from pymavlink.dialects.v20 import ardupilotmega

        self._mavlink = ardupilotmega
        self._protocol = Protocol(
            autopilot=self._autopilot,
            see=self._see,
            send=self._radio.send,
            mavlink=ardupilotmega,
            commands=Commands(
                autopilot=self._autopilot,
                see=self._see,
                send=self._radio.send,
                mavlink=ardupilotmega,
                reboot=self._reboot,
                move_home=self._move_home,
                dialect=self._dialect,
            ),
            dialect=self._dialect,
            now_s=self._patience_clock_s,
        )
        self._mishaps = Mishaps(
            autopilot=self._autopilot,
            see=self._see,
            protocol=self._protocol,
            link=self._link_faults,
            disconnect=self._radio.disconnect,
            reboot=self._reboot,
            planned=list(self._faults),
        )
        port = self._radio.open()
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="rehearsal-vehicle", daemon=True)
        self._thread.start()
        return f"tcp:127.0.0.1:{port}"

    def stop(self) -> None:
        """End the thread and close every socket; what was flown stays readable."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
            self._thread = None

    def __enter__(self) -> Self:
        """Start; the address is then :attr:`address`."""
        self.address = self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- the truth ----------------------------------------------------------------------------------------------

    def true_track(self) -> Track:
        """Return where the camera really was and looked, every 0.1 s of flight, to be known by the renderer only."""
        with self._lock:
            return self._truth.track(self._see.plane, self._see.home_hae_m)

    def true_triggers(self) -> tuple[Trigger, ...]:
        """Return the photographs with their true poses."""
        with self._lock:
            return self._truth.triggers(self._see.plane)

    def _true_instant(self) -> TrueInstant:
        east, north, up = self._body.position
        yaw, pitch, roll = self._body.camera_angles()
        return TrueInstant(self._see.instant(), east, north, up, yaw, pitch, roll)

    def set_parameter(self, name: str, value: float) -> None:
        """Set a parameter as a crew would have before the flight.

        Raises:
            ValueError: The vehicle has no parameter of that name.
        """
        if name not in self._autopilot.parameters:
            raise ValueError(f"the rehearsal vehicle has no parameter {name}")
        with self._lock:
            self._autopilot.parameters[name] = float(value)

    def pilot_switches(self, mode: str) -> bool:
        """Change the mode as a pilot does with the switch of the remote control; False when it is not possible.

        Raises:
            ValueError: There is no mode of that name.
        """
        if mode not in Mode.__members__:
            raise ValueError(f"the rehearsal vehicle has no mode {mode}")
        with self._lock:
            return self._autopilot.set_mode(Mode[mode])

    @property
    def flying(self) -> bool:
        """Whether it is off the ground."""
        return self._body.flying

    @property
    def armed(self) -> bool:
        """Whether its motors are armed."""
        return self._autopilot.armed

    @property
    def mode(self) -> str:
        """Its mode, by name."""
        return self._autopilot.mode.name

    @property
    def true_position_m(self) -> tuple[float, float, float]:
        """East, north, up from where it started, metres."""
        east, north, up = self._body.position
        return east, north, up

    # --- faults -------------------------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Where in a flight it is."""
        return self._mishaps.phase if self._mishaps is not None else Phase.CONNECT

    @property
    def fault_notes(self) -> tuple[str, ...]:
        """The faults that have happened, with their phases."""
        return tuple(self._mishaps.notes) if self._mishaps is not None else ()

    def inject(self, fault: Fault) -> None:
        """Let ``fault`` happen now.

        Raises:
            ValueError: The vehicle is not running.
        """
        if self._mishaps is None:
            raise ValueError("start the rehearsal vehicle before things go wrong with it")
        with self._lock:
            self._mishaps.begin(fault)

    # --- the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._began, self._done_s = time.monotonic(), self._autopilot.time_s
        try:
            while not self._stop.is_set():
                # Heard first, judged after: a machine that stalls must not take what waits in the socket for silence.
                self._radio.serve(max(0.002, min(0.05, STEP_S / self.speedup)))
                with self._lock:
                    self._catch_up()
                    self._wall_clock_duties()
                    self._protocol_tick()
        finally:
            self._radio.close()

    def _catch_up(self) -> None:
        """Advance to where vehicle time should be; a machine that falls behind lets it be slower, never leap."""
        if (self._due_s() - self._autopilot.time_s) > 0.25 * self.speedup:
            self._began, self._done_s = time.monotonic(), self._autopilot.time_s + 0.1 * self.speedup
        while self._autopilot.time_s + STEP_S <= self._due_s():
            self._advance()

    def _patience_clock_s(self) -> float:
        return self._autopilot.time_s if self._own_time else time.monotonic()

    def _due_s(self) -> float:
        return self._done_s + (time.monotonic() - self._began) * self.speedup

    def _advance(self) -> None:
        if self._mishaps is not None:
            self._mishaps.tick(STEP_S)
        for walk in (self._see.sensors.east, self._see.sensors.north, self._see.sensors.up):
            walk.step(STEP_S)
        self._autopilot.step(STEP_S)
        now_s = self._autopilot.time_s
        if self._body.flying and now_s - self._recorded_s >= _RECORD_EVERY_S - 1e-9:
            self._recorded_s = now_s
            self._truth.flown.append(self._true_instant())
        if self._radio.heard_by_anyone:
            self._telemetry(now_s)

    def _telemetry(self, now_s: float) -> None:
        sent = self._see.last_sent_s
        intervals = self._protocol.commands.intervals_s if self._protocol is not None else {}
        for name, rate in STREAMS.items():
            hertz = self._autopilot.parameters[rate] if isinstance(rate, str) else rate
            interval = intervals.get(name, 1 / hertz if hertz > 0 else math.inf)
            if now_s - sent.get(name, -math.inf) >= interval - 1e-9:
                sent[name] = now_s
                self._radio.send(build(name, self._see, self._mavlink))

    def _wall_clock_duties(self) -> None:
        now = self._patience_clock_s()
        status = (self._autopilot.armed, int(self._autopilot.mode))
        if now - self._last_heartbeat >= self._heartbeat_every_s or status != self._told:
            self._last_heartbeat, self._told = now, status  # a change is told at once
            self._radio.send(self._heartbeat())
        heard = self._last_ground_heartbeat
        auto = self._autopilot
        timeout = auto.parameters["FS_GCS_TIMEOUT"]
        if heard is not None and auto.parameters["FS_GCS_ENABLE"] and now - heard > timeout and auto.armed:
            self._last_ground_heartbeat = None  # once per loss
            auto.fail_safe("ground station", "GCS Failsafe", 2)

    def _heartbeat(self) -> Message:
        mav, auto = self._mavlink, self._autopilot
        flags = mav.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED
        if auto.armed:
            flags |= mav.MAV_MODE_FLAG_SAFETY_ARMED
        state = mav.MAV_STATE_ACTIVE if auto.body.flying else mav.MAV_STATE_STANDBY
        if auto.failsafe and auto.body.flying:
            state = mav.MAV_STATE_CRITICAL
        maker, mode = mav.MAV_AUTOPILOT_ARDUPILOTMEGA, int(auto.mode)
        if self._dialect is Dialect.PX4:
            maker = mav.MAV_AUTOPILOT_PX4
            main, sub = next((pair for pair, ours in PX4_MODES.items() if ours is auto.mode), (4, 3))
            mode = main << 16 | sub << 24
        return mav.MAVLink_heartbeat_message(mav.MAV_TYPE_QUADROTOR, maker, flags, mode, state, 3)

    def _protocol_tick(self) -> None:
        if self._protocol is not None:
            self._protocol.tick()
        self._radio.deliver_late()

    # --- the radio ----------------------------------------------------------------------------------------------

    def _new_codec(self) -> Codec:
        system = int(self._autopilot.parameters["SYSID_THISMAV"])
        codec = self._mavlink.MAVLink(None, srcSystem=system, srcComponent=1)
        codec.robust_parsing = True
        if self._signing_key is not None:
            codec.signing.secret_key = self._signing_key
            codec.signing.sign_outgoing = True
            codec.signing.link_id = 1
            codec.signing.timestamp = int((time.time() - 1_420_070_400) * 1e5)
        return codec

    def _joined(self) -> None:
        self._last_heartbeat = -math.inf  # a newcomer hears of the vehicle at once

    def _hear(self, msg: Message) -> None:
        if msg.get_type() == "HEARTBEAT":
            if msg.get_srcSystem() == int(self._autopilot.parameters["SYSID_MYGCS"]):
                self._last_ground_heartbeat = self._patience_clock_s()
            return
        if self._protocol is not None:
            self._protocol.receive(msg)
            if self._mishaps is not None:
                self._mishaps.tick(0.0)  # a phase may begin and end between two steps

    # --- what the autopilot calls --------------------------------------------------------------------------------

    def _locate(self, x_e7: int, y_e7: int, z: float, frame: int) -> tuple[float, float, float]:
        key = (x_e7, y_e7, z, frame)
        if key not in self._places:
            # On the tangent plane of home; the height is kept apart, so curvature stays out of it.
            east, north, _up = to_enu(self._see.plane, [y_e7 / 1e7, x_e7 / 1e7])
            up = z if frame in {3, 6} else z - (self._see.home_hae_m - self._see.undulation_m)
            self._places[key] = (float(east), float(north), up)
        east, north, up = self._places[key]
        off = self._autopilot.nav_offset_m
        return east - off[0], north - off[1], up

    def _say(self, severity: Severity, text: str) -> None:
        if self._mavlink is None:
            return
        raw = text.encode()
        if len(raw) > 50:  # in pieces, the last of which is not full
            self._text_id += 1
            for number in range(len(raw) // 50 + 1):
                piece = raw[50 * number : 50 * (number + 1)]
                self._radio.send(self._mavlink.MAVLink_statustext_message(int(severity), piece, self._text_id, number))
            return
        self._radio.send(self._mavlink.MAVLink_statustext_message(int(severity), raw, 0, 0))

    def _reached(self, seq: int) -> None:
        self._radio.send(self._mavlink.MAVLink_mission_item_reached_message(seq - self._see.item_shift))
        self._radio.send(build("MISSION_CURRENT", self._see, self._mavlink))

    def _photograph(self) -> None:
        self._truth.photographed.append(self._true_instant())
        number = len(self._truth.photographed)
        seen = self._see.reported()
        if self._dialect is Dialect.PX4:
            attitude = quaternion(seen.camera_yaw_deg, seen.camera_pitch_deg, seen.camera_roll_deg)
            self._radio.send(
                self._mavlink.MAVLink_camera_image_captured_message(
                    self._see.boot_ms(),
                    self._see.unix_usec(),
                    0,
                    round(seen.lat_deg * 1e7),
                    round(seen.lon_deg * 1e7),
                    round(seen.height_msl_m * 1000),
                    round(seen.height_takeoff_m * 1000),
                    attitude,
                    number,
                    1,
                    b"",
                )
            )
            return
        # The angles of CAMERA_FEEDBACK are the vehicle's attitude, as ArduPilot fills them in: not the camera's.
        self._see.last_feedback = self._mavlink.MAVLink_camera_feedback_message(
            self._see.unix_usec(),
            0,
            0,
            number,
            round(seen.lat_deg * 1e7),
            round(seen.lon_deg * 1e7),
            seen.height_msl_m,
            seen.height_takeoff_m,
            self._body.roll_deg,
            self._body.pitch_deg,
            seen.heading_deg,
            0.0,
            self._mavlink.CAMERA_FEEDBACK_PHOTO,
            number,
        )
        self._radio.send(self._see.last_feedback)

    def _move_home(self, x_e7: int, y_e7: int) -> bool:
        """Accept a home within 50 m of where the vehicle stands; heights stay those of the ground it stands on."""
        east, north, _up = to_enu(self._see.plane, [y_e7 / 1e7, x_e7 / 1e7])
        if self._autopilot.armed or math.hypot(east - self._body.position[0], north - self._body.position[1]) > 50:
            return False
        self._see.plane = LocalPlane(origin=GeoPoint(lon_deg=y_e7 / 1e7, lat_deg=x_e7 / 1e7))
        self._truth.move_home(float(east), float(north))
        self._body.position[0] -= float(east)
        self._body.position[1] -= float(north)
        self._places.clear()
        self._radio.send(build("HOME_POSITION", self._see, self._mavlink))
        return True

    def _reboot(self) -> None:
        self._see.start_at = self._see.instant()
        self._see.last_sent_s.clear()
        self._recorded_s = -math.inf
        self._autopilot.restart()
        self._began, self._done_s = time.monotonic(), 0.0
        self._last_heartbeat, self._last_ground_heartbeat = -math.inf, None
        if self._protocol is not None:
            self._protocol.upload = None
