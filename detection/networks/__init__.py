"""The runtimes that run a weight, each a driver behind :class:`~detection.networks.network.Network`."""
