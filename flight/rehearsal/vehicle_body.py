"""The body of the rehearsal vehicle: a multirotor's motion, wind, battery and sensors, without any protocol.

Truth and what the sensors report are two things. The body flies where physics takes it; the sensors add a slowly
wandering GNSS error, a compass and gimbal bias fixed for the flight, and a little noise. Everything random comes from
the seed, and everything advances in vehicle time, so a flight is the same at every wall-clock speed-up.

Simplifications, named: a point mass with limited acceleration, first-order attitude from acceleration and drag, flat
ground at take-off height, and a battery whose load grows with climb and airspeed. Sizes of the sensor errors are those
seen on consumer multirotors: yaw within ±2°, gimbal pitch −1.2…+0.2°, roll ±1.7°, position one to two metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

GRAVITY_M_S2 = 9.80665


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyFigures:
    """What the airframe can do.

    Attributes:
        acceleration_m_s2: Horizontal acceleration it uses (ArduCopter's WPNAV_ACCEL is 2.5).
        climb_m_s, descent_m_s, landing_m_s: Vertical speeds.
        yaw_rate_deg_s: How fast it turns.
        gimbal_rate_deg_s: How fast the camera tilts.
        hover_endurance_s: Time a full battery hovers without wind.
        climb_load: Extra share of hover power for each metre per second of climb.
        drag_load: Extra share of hover power for each (metre per second)² of airspeed.
        drag_tilt_s: Tilt against the air: acceleration of drag per metre per second of airspeed, 1/s.
    """

    acceleration_m_s2: float = 2.5
    climb_m_s: float = 4.0
    descent_m_s: float = 2.5
    landing_m_s: float = 0.6
    yaw_rate_deg_s: float = 60.0
    gimbal_rate_deg_s: float = 60.0
    hover_endurance_s: float = 1_800.0
    climb_load: float = 0.12
    drag_load: float = 0.0015
    drag_tilt_s: float = 0.08


@dataclass(slots=True, kw_only=True)
class Setpoint:
    """What the autopilot asks of the body for the next step.

    Attributes:
        target: East, north, up to be reached, metres from home; None to hold the velocity zero.
        line_from: Where the straight line to ``target`` begins, so that wind is corrected across it; None for none.
        speed_m_s: Ground speed wanted.
        end_speed_m_s: Speed at which the target may be passed.
        heading_deg: Heading wanted, or None to keep.
        vertical_m_s: Overrides the climb limits (landing) when not None; negative is down.
    """

    target: tuple[float, float, float] | None = None
    line_from: tuple[float, float, float] | None = None
    speed_m_s: float = 5.0
    end_speed_m_s: float = 0.0
    heading_deg: float | None = None
    vertical_m_s: float | None = None


class OrnsteinUhlenbeck:
    """A random walk that is pulled back to zero: ``sigma`` is its standing deviation, ``tau_s`` its memory."""

    __slots__ = ("_rng", "sigma", "tau_s", "value")

    def __init__(self, rng: np.random.Generator, sigma: float, tau_s: float) -> None:
        self._rng, self.sigma, self.tau_s = rng, sigma, tau_s
        self.value = float(rng.normal(0.0, sigma)) if sigma > 0 else 0.0

    def step(self, dt_s: float) -> None:
        """Advance by ``dt_s`` (exact discretisation)."""
        keep = math.exp(-dt_s / self.tau_s)
        self.value = self.value * keep + self.sigma * math.sqrt(1 - keep * keep) * self._rng.standard_normal()


@dataclass(slots=True, kw_only=True)
class Battery:
    """A battery drained by load.

    Attributes:
        share: Charge left, in [0, 1].
        capacity_mah: Nominal capacity.
        voltage_v: Under the present load.
        current_a: The present load.
    """

    share: float = 1.0
    capacity_mah: float = 10_000.0
    voltage_v: float = 25.2
    current_a: float = 0.5

    def drain(self, dt_s: float, load: float, hover_endurance_s: float) -> None:
        """Take ``load`` (1 = hover) for ``dt_s``."""
        self.share = max(0.0, self.share - dt_s * load / hover_endurance_s)
        hover_a = self.capacity_mah / 1000 * 3600 / hover_endurance_s
        self.current_a = max(0.2, hover_a * load)
        # Six LiPo cells: 4.2 V full, 3.5 V empty, with a drop of 20 mΩ in all.
        self.voltage_v = 6 * (3.5 + 0.7 * self.share) - 0.02 * self.current_a


@dataclass(slots=True, kw_only=True)
class Sensors:
    """The errors between truth and report, drawn from the seed.

    Attributes:
        east, north, up: Wandering GNSS error, metres.
        yaw_bias_deg, pitch_bias_deg, roll_bias_deg: Of the camera angles, fixed for a flight.
    """

    east: OrnsteinUhlenbeck
    north: OrnsteinUhlenbeck
    up: OrnsteinUhlenbeck
    yaw_bias_deg: float
    pitch_bias_deg: float
    roll_bias_deg: float


def draw_sensors(rng: np.random.Generator, *, scale: float = 1.0) -> Sensors:
    """Return sensor errors of a flight; ``scale`` 0 makes them perfect."""
    return Sensors(
        east=OrnsteinUhlenbeck(rng, 0.6 * scale, 90.0),
        north=OrnsteinUhlenbeck(rng, 0.6 * scale, 90.0),
        up=OrnsteinUhlenbeck(rng, 0.8 * scale, 120.0),
        yaw_bias_deg=float(np.clip(rng.normal(0.0, 0.7), -2, 2)) * scale,
        pitch_bias_deg=float(np.clip(rng.normal(-0.3, 0.25), -1.2, 0.2)) * scale,
        roll_bias_deg=float(np.clip(rng.normal(0.0, 0.3), -1.7, 1.7)) * scale,
    )


@dataclass(slots=True)
class Body:
    """The moving body; metres from home (east, north, up), metres per second, degrees.

    Attributes:
        figures: What the airframe can do.
        rng: The flight's only source of chance.
        wind: East and north components of the steady wind, where it blows *to*, metres per second.
        noise: Scale of disturbances; 0 for a perfect flight.
        carried: East and north velocity at which a gust carries it off, whatever it does.
    """

    figures: BodyFigures
    rng: np.random.Generator
    wind: tuple[float, float] = (0.0, 0.0)
    noise: float = 1.0
    position: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    velocity: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    heading_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    gimbal_pitch_deg: float = 0.0
    gimbal_setpoint_deg: float = 0.0
    gimbal_roll_deg: float = 0.0
    gimbal_yaw_deg: float = 0.0
    battery: Battery = field(default_factory=Battery)
    flying: bool = False
    carried: tuple[float, float] = (0.0, 0.0)
    _gusts: tuple[OrnsteinUhlenbeck, OrnsteinUhlenbeck, OrnsteinUhlenbeck] = field(init=False)
    _shake: tuple[OrnsteinUhlenbeck, OrnsteinUhlenbeck, OrnsteinUhlenbeck] = field(init=False)

    def __post_init__(self) -> None:
        self._gusts = (
            OrnsteinUhlenbeck(self.rng, 0.25 * self.noise, 4.0),
            OrnsteinUhlenbeck(self.rng, 0.25 * self.noise, 4.0),
            OrnsteinUhlenbeck(self.rng, 0.08 * self.noise, 4.0),
        )
        self._shake = (
            OrnsteinUhlenbeck(self.rng, 0.12 * self.noise, 0.7),
            OrnsteinUhlenbeck(self.rng, 0.10 * self.noise, 0.7),
            OrnsteinUhlenbeck(self.rng, 0.25 * self.noise, 1.5),
        )

    def step(self, dt_s: float, setpoint: Setpoint, *, armed: bool) -> None:
        """Advance by ``dt_s`` seconds towards ``setpoint``."""
        if self.flying:
            self._move(dt_s, setpoint)
            self._turn(dt_s, setpoint)
        else:
            self.velocity[:] = [0.0, 0.0, 0.0]
            self.pitch_deg = self.roll_deg = 0.0
        self._tilt_camera(dt_s)
        air = math.hypot(self.velocity[0] - self.wind[0], self.velocity[1] - self.wind[1])
        load = 0.01
        if self.flying:
            climb = max(0.0, self.velocity[2])
            load = 1 + self.figures.climb_load * climb + self.figures.drag_load * air * air
        elif armed:
            load = 0.08
        self.battery.drain(dt_s, load, self.figures.hover_endurance_s)

    def _move(self, dt_s: float, setpoint: Setpoint) -> None:
        wanted = self._wanted_velocity(setpoint)
        push = self.figures.acceleration_m_s2 * dt_s
        change = math.hypot(wanted[0] - self.velocity[0], wanted[1] - self.velocity[1])
        share = 1.0 if change <= push else push / change
        accelerations = []
        for axis in (0, 1):
            step = (wanted[axis] - self.velocity[axis]) * share
            accelerations.append(step / dt_s)
            self.velocity[axis] += step
        vertical_push = 3.0 * dt_s
        self.velocity[2] += max(-vertical_push, min(vertical_push, wanted[2] - self.velocity[2]))
        for axis, gust in enumerate(self._gusts):
            gust.step(dt_s)
            carried = self.carried[axis] if axis < 2 else 0.0
            self.position[axis] += (self.velocity[axis] + carried + 0.5 * gust.value) * dt_s
        self._lean(accelerations)

    def _wanted_velocity(self, setpoint: Setpoint) -> tuple[float, float, float]:
        if setpoint.target is None:
            return (0.0, 0.0, 0.0 if setpoint.vertical_m_s is None else setpoint.vertical_m_s)
        away = [setpoint.target[axis] - self.position[axis] for axis in range(3)]
        ground = math.hypot(away[0], away[1])
        brake = math.sqrt(setpoint.end_speed_m_s**2 + 2 * 0.7 * self.figures.acceleration_m_s2 * ground)
        speed = min(setpoint.speed_m_s, brake, ground * 2.0 + setpoint.end_speed_m_s)
        east, north = (0.0, 0.0) if ground < 1e-6 else (away[0] / ground * speed, away[1] / ground * speed)
        if setpoint.line_from is not None and ground > 1.0:
            east, north = self._along_line(setpoint, speed, (east, north))
        up = away[2] * 1.5
        if setpoint.line_from is not None and ground > 1.0 and speed > 0.5:
            # Height changes spread over the way, as an autopilot's leash does: arrive level when arriving at all.
            up = away[2] * max(speed / ground, 0.6 if abs(away[2]) < 1.0 else 0.0)
        up = max(-self.figures.descent_m_s, min(self.figures.climb_m_s, up))
        return (east, north, up if setpoint.vertical_m_s is None else setpoint.vertical_m_s)

    def _along_line(self, setpoint: Setpoint, speed: float, direct: tuple[float, float]) -> tuple[float, float]:
        """Return a velocity along the line that also closes the distance across it."""
        start, end = setpoint.line_from, setpoint.target
        if start is None or end is None:
            return direct
        east, north = end[0] - start[0], end[1] - start[1]
        length = math.hypot(east, north)
        if length < 1e-3:
            return direct
        east, north = east / length, north / length
        across = (self.position[0] - start[0]) * north - (self.position[1] - start[1]) * east
        back = max(-2.0, min(2.0, -0.8 * across))
        along = speed if (end[0] - self.position[0]) * east + (end[1] - self.position[1]) * north > 0 else -speed
        return (east * along + north * back, north * along - east * back)

    def _lean(self, accelerations: list[float]) -> None:
        drag = self.figures.drag_tilt_s
        east = accelerations[0] + drag * (self.velocity[0] - self.wind[0])
        north = accelerations[1] + drag * (self.velocity[1] - self.wind[1])
        heading = math.radians(self.heading_deg)
        forward = east * math.sin(heading) + north * math.cos(heading)
        right = east * math.cos(heading) - north * math.sin(heading)
        pitch = -math.degrees(math.atan2(forward, GRAVITY_M_S2))
        roll = math.degrees(math.atan2(right, GRAVITY_M_S2))
        self.pitch_deg += 0.3 * (pitch - self.pitch_deg)
        self.roll_deg += 0.3 * (roll - self.roll_deg)

    def _turn(self, dt_s: float, setpoint: Setpoint) -> None:
        if setpoint.heading_deg is None:
            return
        off = (setpoint.heading_deg - self.heading_deg + 180) % 360 - 180
        limit = self.figures.yaw_rate_deg_s * dt_s
        self.heading_deg = (self.heading_deg + max(-limit, min(limit, off))) % 360

    def _tilt_camera(self, dt_s: float) -> None:
        for shake in self._shake:
            shake.step(dt_s)
        off = self.gimbal_setpoint_deg - self.gimbal_pitch_deg
        limit = self.figures.gimbal_rate_deg_s * dt_s
        self.gimbal_pitch_deg += max(-limit, min(limit, off))

    def over_ground(self) -> tuple[float, float, float]:
        """Return the velocity over ground: east, north, up, metres per second."""
        carried = self.carried if self.flying else (0.0, 0.0)
        return self.velocity[0] + carried[0], self.velocity[1] + carried[1], self.velocity[2]

    def camera_angles(self) -> tuple[float, float, float]:
        """Return the camera's true yaw, pitch and roll, degrees (stabilised: a little shake, yaw follows the body)."""
        shake = [s.value if self.flying else 0.0 for s in self._shake]
        yaw = (self.heading_deg + self.gimbal_yaw_deg + shake[2]) % 360
        return yaw, self.gimbal_pitch_deg + shake[0], self.gimbal_roll_deg + shake[1]
