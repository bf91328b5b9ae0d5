"""Commands: one file each, and in it one thin function."""
