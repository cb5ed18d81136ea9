"""Training of the picture generators: the data set, the loop, the recipes."""
