"""Pictures and their boxes changed at random while a detector trains: mosaic, MixUp, affine, colour, flip."""
