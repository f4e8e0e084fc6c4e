"""Parts of the link that flies with DroneKit: wires, the mission protocol, commands, reports, the camera, the fence."""
