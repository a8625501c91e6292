"""Staff: accounts, roles with their scope, sign-in, sessions, tokens of integrations."""
