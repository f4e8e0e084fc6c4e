"""Where on Earth, on whose site: datums, terrain, locating, sites and zones, attribution, rules.

Gives upward: :class:`~geofence.fix.Fix`, :class:`~geofence.sighting.Sighting`,
:class:`~geofence.attribution.Attribution`, :class:`~geofence.hazard.Hazard`.
"""
