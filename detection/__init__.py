"""What the footage shows: frames, YOLO, hazards in pixels, training.

Gives upward: :class:`~detection.frame.Frame`, :class:`~detection.detection.Detection`.
"""
