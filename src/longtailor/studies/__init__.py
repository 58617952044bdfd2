"""Questions answered by many fits: does the objective help, and how many labels does it save."""
