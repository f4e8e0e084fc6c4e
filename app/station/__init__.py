"""The station: the console in which leads are reviewed, footage is taken in and a bureau sees where it stands.

Served by ``skywarden serve`` on the machine that holds the store; no page asks anything of any other machine. What the
station keeps of its own (accounts, districts, sessions, saved filters) lies in the store's database beside the cases;
the cases themselves, their decisions and the audit chain are ``app.store``'s and are reached through it alone.

Who may open which page is one table, :mod:`app.station.access_table`.
"""
