"""The station: command line, pipeline, store, web console, settings, wiring.

The only room that knows which driver is used.
"""
