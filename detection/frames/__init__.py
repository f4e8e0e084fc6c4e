"""Photos and videos as frames: which pictures are worth decoding, their pixels, their pose, and how good they are."""
