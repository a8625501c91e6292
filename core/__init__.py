"""What every part shares and what depends on nothing of ours."""
