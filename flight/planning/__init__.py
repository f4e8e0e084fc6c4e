"""From a patrol file to sorties: coverage, routes, batteries, terrain, and what the law says of each."""
