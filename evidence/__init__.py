"""Incidents, review, custody, sealing, verification, reports.

Gives upward: :class:`~evidence.original.Original`, :class:`~evidence.incident.Incident`, sealed packages.
"""
