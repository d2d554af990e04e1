"""Email: what a person's mail says, what kind of mail it is, and which interview it belongs to."""
