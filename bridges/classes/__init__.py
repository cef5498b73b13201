"""Classes as memories: when they appear, their basins, how a network learns them."""
