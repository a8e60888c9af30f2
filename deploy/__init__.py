"""What runs Duecourse: the local stack, policies, sellers, manifests."""
