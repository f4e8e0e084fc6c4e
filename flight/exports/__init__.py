"""Flight plans in the formats of other ground stations, one module for each.

Every writer refuses (``PlanRefused``) what its format cannot say, instead of leaving it out.
"""
