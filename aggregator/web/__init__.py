"""What people and readers see over HTTP."""
