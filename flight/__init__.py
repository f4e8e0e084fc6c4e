"""Patrols: areas, periods, coverage, airspace, vehicle, camera, telemetry, rehearsal.

Gives upward: :class:`~flight.plan.FlightPlan`, :class:`~flight.log.FlightLog`, :class:`~flight.track.Track`.
"""
