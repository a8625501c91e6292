"""Pages and calls for staff to sign in, with a password or by the identity provider, and out."""
