"""Incidents, review, custody, sealing, verification, reports.

Gives upward: :class:`~evidence.original.Original` (:mod:`evidence.ingest`, :mod:`evidence.vault`),
:class:`~evidence.incident.Incident` and its :mod:`~evidence.life`, the :class:`~evidence.case_store.CaseStore` that
keeps them, packages (:func:`evidence.seal.seal`, :func:`evidence.verify.verify`), and :mod:`~evidence.documents`.
"""
