"""Draws incidents, patrols and coverage on Folium maps; a view, never the record."""
