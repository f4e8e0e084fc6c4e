"""Reading tracks and poses out of what aircraft write: EXIF and XMP, subtitles, logs."""
