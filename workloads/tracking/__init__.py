"""Objects followed through a sequence: ByteTrack, its files, its judges and its previews."""
