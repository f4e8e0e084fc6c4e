"""Incidents, review, custody, sealing, verification, reports.

Gives upward: :class:`~evidence.original.Original` (:mod:`evidence.ingest`, :mod:`evidence.originals.vault`),
:class:`~evidence.incident.Incident` and its :mod:`~evidence.cases.life`, the
:class:`~evidence.cases.case_store.CaseStore` that keeps them, packages (:func:`evidence.seal.seal`,
:func:`evidence.verify.verify`), and :mod:`~evidence.papers.documents`.
"""
