"""Documents on paper: reports, records and orders."""
