"""How a package is made: bag, manifest, statement, derived copies, viewer."""
