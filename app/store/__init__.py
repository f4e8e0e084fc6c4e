"""The store of cases on a disk: Django's models on SQLite, behind :class:`evidence.cases.case_store.CaseStore`.

Open one with :func:`app.store.open_store.open_store`. Nothing else in the program touches Django's models.
"""
