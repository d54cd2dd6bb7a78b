"""The contract with readers of the public topics: documented, current, and kept to."""
