"""The register of sites: files, checks, versions, and the index that finds a site fast."""
