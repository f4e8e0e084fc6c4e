"""How long a mission takes to be loaded, acknowledged, read back and compared, over TCP on loopback.

The peer is DroneKit's own upload of the same items in the same run: it sends float items, ignores the acknowledgement
and reads nothing back, so it does about half of the work and proves none of it.
"""

from __future__ import annotations

import time

from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from flight.dronekit_link import connect, load_dronekit
from flight.flight_plan import Leg, Sortie, Waypoint
from flight.mavlink.mission import mission_items
from flight.rehearsal.vehicle import RehearsalVehicle

HOME = GeoPoint(lon_deg=113.5, lat_deg=23.1)
SIZES = (50, 150, 300, 600)


def sortie_of(items: int) -> Sortie:
    def at(leg: Leg, east: float, north: float, height: float) -> Waypoint:
        lon, lat = from_plane(LocalPlane(origin=HOME), [east, north])
        position = GeoPoint(lon_deg=float(lon), lat_deg=float(lat))
        return Waypoint(
            leg=leg, position=position, height=TakeoffHeight(metres=height), speed_m_s=8.0, gimbal_pitch_deg=-90.0
        )

    # Home, take-off, two settings and the landing make five items; every transit is one more.
    transits = [at(Leg.TRANSIT, 10.0 * (n % 30), 10.0 * (n // 30), 60.0) for n in range(items - 5)]
    waypoints = (at(Leg.TAKEOFF, 0, 0, 60.0), *transits, at(Leg.LAND, 0, 0, 0.0))
    return Sortie(number=1, waypoints=waypoints, length_m=1, duration_s=1, photos=0, battery_used=0.1)


def ours(sortie: Sortie) -> float:
    with RehearsalVehicle(HOME, seed=1) as vehicle:
        link = connect(vehicle.address, timeout_s=10)
        began = time.perf_counter()
        link.upload(sortie)
        took = time.perf_counter() - began
        link.close()
    return took


def dronekits(sortie: Sortie) -> float:
    dronekit = load_dronekit()
    with RehearsalVehicle(HOME, seed=1) as vehicle:
        link = connect(vehicle.address, timeout_s=10)
        link.upload(sortie_of(6))  # its download never ends on a vehicle without a mission
        link.close()
        theirs = dronekit.connect(vehicle.address, wait_ready=False)
        theirs.commands.download()
        theirs.commands.wait_ready()
        theirs.commands.clear()
        for item in mission_items(sortie, HOME)[1:]:
            command = dronekit.Command(
                0, 0, 0, item.frame, item.command, 0, 0, *item.params, item.x_e7 / 1e7, item.y_e7 / 1e7, item.z
            )
            theirs.commands.add(command)
        began = time.perf_counter()
        theirs.commands.upload(timeout=60)
        took = time.perf_counter() - began
        theirs.close()
    return took


def main() -> None:
    print(f"{'items':>6} {'ours, verified (s)':>19} {'DroneKit, blind (s)':>20} {'ratio':>6}")
    for size in SIZES:
        sortie = sortie_of(size)
        count = len(mission_items(sortie, HOME))
        mine, theirs = ours(sortie), dronekits(sortie)
        print(f"{count:>6} {mine:>19.2f} {theirs:>20.2f} {mine / theirs:>6.2f}")


if __name__ == "__main__":
    main()
