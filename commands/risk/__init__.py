"""Who pays late, what is about to be lost, when money will come, and the model that learns it."""
