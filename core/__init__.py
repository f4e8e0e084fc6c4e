"""The ground floor: geo points, heights, time, ids and errors.

Standard library and numpy only, no input or output. Everything above may import from here; nothing here imports from
above. Something belongs here only when two rooms need it and neither makes it.
"""
