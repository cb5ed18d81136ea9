"""The data set of captioned illustrations: a script with pinned sources; the pixels are never part of the project."""
