"""The life of a case: decisions, order rules, timers, retention, and where cases are kept."""
